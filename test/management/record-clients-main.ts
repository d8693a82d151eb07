// Writes recorded-requests.json: what the three clients send, byte by byte, for the operations of an operator's day.
//   usage: node test/management/record-clients-main.ts
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import prettier from 'prettier';
import { findPeer } from '../peers/peers.ts';
import { API_CLIENTS } from './api-clients.ts';
import { OPERATOR_DAY } from './operator-day.ts';
import { EXAMPLE_KEY } from './sign-request.ts';

const requests: { client: string; rawHeaders: readonly string[]; body: string }[] = [];
let client = '';
const server = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    requests.push({ client, rawHeaders: request.rawHeaders, body: Buffer.concat(pieces).toString() });
    response.writeHead(200, { 'Content-Type': 'application/x-amz-json-1.1' }).end('{}');
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
for (const each of API_CLIENTS) {
  const version = each.peer === null ? '' : ` ${findPeer(each.peer)?.version ?? 'that is not there'}`;
  client = `${each.name}${version}`;
  for (const [operation, input] of OPERATOR_DAY) await each.call({ endpoint, key: EXAMPLE_KEY }, operation, input);
}
server.close();
server.closeAllConnections();
const target = new URL('recorded-requests.json', import.meta.url);
const style = await prettier.resolveConfig(target);
writeFileSync(target, await prettier.format(JSON.stringify(requests), { ...style, filepath: target.pathname }));
console.log(`${requests.length} requests`);
