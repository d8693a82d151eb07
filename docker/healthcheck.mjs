// Whether the server is ready: node healthcheck.mjs [CONFIGURATION=/etc/latticeport/latticeport.json]; status 0 or 1.
// It asks over HTTP or HTTPS where "metrics" is configured: that leaves no line in the log. Otherwise, and where a certificate of
// clients is asked for, it looks for an SSH version string.
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { get as getOverTls } from 'node:https';
import { connect } from 'node:net';

const TIMEOUT_MS = 4000;
const { listen = {}, metrics } = JSON.parse(
  readFileSync(process.argv[2] ?? '/etc/latticeport/latticeport.json', 'utf8'),
);
const own = (host) => (host === undefined || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host);

if (metrics === undefined || metrics.tls?.clientCaFile !== undefined)
  lookForVersion(own(listen.host), listen.port ?? 2222);
else ask(own(metrics.host), metrics.port ?? 9464, metrics.tls !== undefined);

function ask(host, port, overTls) {
  const options = { host, port, path: '/readyz', timeout: TIMEOUT_MS };
  // Its certificate is for the name that others know; here it is our own process.
  const request = overTls ? getOverTls({ ...options, rejectUnauthorized: false }) : get(options);
  request.on('response', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1));
  request.on('timeout', () => process.exit(1));
  request.on('error', () => process.exit(1));
}

function lookForVersion(host, port) {
  const socket = connect(port, host);
  let received = '';
  const end = (status) => {
    socket.destroy();
    process.exit(status);
  };
  socket.setTimeout(TIMEOUT_MS, () => end(1));
  socket.on('error', () => end(1));
  socket.on('close', () => end(1));
  socket.on('data', (data) => {
    received += data.toString('latin1');
    if (received.startsWith('SSH-2.0-')) end(0);
    else if (received.length > 255) end(1);
  });
}
