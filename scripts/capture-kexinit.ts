import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { parseKexInit, type CapturedKexInit } from './parse-kexinit.ts';

/**
 * Shows what a client offers: starts it against a listener that answers with a version string only, and prints the
 * client's version and the lists of its KEXINIT as JSON. `{port}` in the arguments becomes the port.
 *
 *   node scripts/capture-kexinit.ts ssh -F none -p {port} x@127.0.0.1
 */
const DEADLINE_MS = 20_000;
const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error('usage: capture-kexinit.ts PROGRAM ARGUMENT... ({port} is replaced)');
  process.exit(2);
}

const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const signal = AbortSignal.timeout(DEADLINE_MS);
const accepted = new Promise<CapturedKexInit>((resolve, reject) => {
  signal.addEventListener('abort', () => {
    reject(new Error(`no KEXINIT within ${DEADLINE_MS} ms`));
  });
  server.on('connection', (socket) => {
    socket.write('SSH-2.0-Capture\r\n');
    let received = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const kexInit = parseKexInit(received);
      if (kexInit === null) return;
      socket.destroy();
      resolve(kexInit);
    });
  });
});
const child = spawn(
  program,
  args.map((arg) => arg.replaceAll('{port}', String(port))),
  { stdio: ['pipe', 'ignore', 'ignore'] },
);
child.on('error', (error) => {
  console.error(error.message);
});
// PuTTY's tools ask questions: an end of input answers them.
child.stdin.end();
try {
  console.log(JSON.stringify(await accepted, null, 2));
} finally {
  child.kill();
  server.close();
}
