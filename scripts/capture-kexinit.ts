import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/**
 * Shows what a client offers: starts it against a listener that answers with a version string only, and prints the
 * client's version and the lists of its KEXINIT as JSON. `{port}` in the arguments becomes the port.
 *
 *   node scripts/capture-kexinit.ts ssh -F none -p {port} x@127.0.0.1
 *
 * Read here by hand, not with src/wire, so that the presets do not depend on the code that they check.
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
const accepted = new Promise<string>((resolve, reject) => {
  signal.addEventListener('abort', () => {
    reject(new Error(`no KEXINIT within ${DEADLINE_MS} ms`));
  });
  server.on('connection', (socket) => {
    socket.write('SSH-2.0-Capture\r\n');
    let received = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const text = describe(received);
      if (text === null) return;
      socket.destroy();
      resolve(text);
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
  console.log(await accepted);
} finally {
  child.kill();
  server.close();
}

function describe(received: Buffer): string | null {
  const end = received.indexOf('\n');
  if (end < 0 || received.length < end + 1 + 4) return null;
  const packet = received.subarray(end + 1);
  const packetLength = packet.readUInt32BE(0);
  if (packet.length < 4 + packetLength) return null;
  const payload = packet.subarray(5, 4 + packetLength - packet.readUInt8(4));
  if (payload[0] !== 20) throw new Error(`message ${payload[0] ?? 'none'} instead of KEXINIT`);
  const lists: string[] = [];
  let offset = 17;
  while (lists.length < 10) {
    const length = payload.readUInt32BE(offset);
    lists.push(payload.toString('latin1', offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  const [kex, hostKeys, cipherIn, cipherOut, macIn, macOut, compressionIn, compressionOut] = lists;
  const both = (one: string | undefined, other: string | undefined) => (one === other ? one : { in: one, out: other });
  return JSON.stringify(
    {
      version: received.toString('latin1', 0, end).trim(),
      kex,
      hostKeys,
      ciphers: both(cipherIn, cipherOut),
      macs: both(macIn, macOut),
      compression: both(compressionIn, compressionOut),
      firstKexPacketFollows: payload[offset] !== 0,
    },
    null,
    2,
  );
}
