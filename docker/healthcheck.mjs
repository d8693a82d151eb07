// Whether the server answers with an SSH version string: node healthcheck.mjs [PORT=2222]; status 0 or 1.
import { connect } from 'node:net';

const port = Number(process.argv[2] ?? 2222);
const socket = connect(port, '127.0.0.1');
let received = '';
const end = (status) => {
  socket.destroy();
  process.exit(status);
};
socket.setTimeout(4000, () => end(1));
socket.on('error', () => end(1));
socket.on('close', () => end(1));
socket.on('data', (data) => {
  received += data.toString('latin1');
  if (received.startsWith('SSH-2.0-')) end(0);
  else if (received.length > 255) end(1);
});
