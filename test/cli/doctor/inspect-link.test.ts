import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { afterEach, expect, test } from '@jest/globals';
import { inspectLink } from '../../../src/cli/doctor/inspect-link.ts';
import { isLoopback } from '../../../src/cli/doctor/loopback.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { StorageConfig } from '../../../src/config/schema.ts';
import { selfSigned } from './self-signed.ts';

let server: Server | null = null;
afterEach(() => {
  server?.close();
  server = null;
});

type S3 = Extract<StorageConfig, { type: 's3' }>;

function s3(settings: object): S3 {
  const config = { hostKeys: ['key'], storage: { type: 's3', bucket: 'files', ...settings } };
  const { storage } = parseConfig(JSON.stringify(config), '/a.json').config;
  if (storage.type !== 's3') throw new Error('it is s3');
  return storage;
}

async function listening(made: Server): Promise<number> {
  server = made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  return (made.address() as AddressInfo).port;
}

/** Why nobody could look. */
async function unknown(endpoint: string): Promise<string> {
  const facts = await inspectLink(s3({ endpoint }), 'a.json');
  if (facts.kind !== 'unknown') throw new Error(`it is ${facts.kind}`);
  return facts.why;
}

const tls = (options: TlsOptions) => createServer({ ...selfSigned(), ...options }, (socket) => socket.resume());

test.each<[what: string, options: TlsOptions, group: string, postQuantum: boolean]>([
  ['with a hybrid', {}, 'X25519MLKEM768', true],
  ['without', { ecdhCurve: 'X25519' }, 'X25519', false],
  ['with another hybrid', { ecdhCurve: 'SecP384r1MLKEM1024' }, 'SecP384r1MLKEM1024', true],
  ['with TLS 1.2', { maxVersion: 'TLSv1.2' }, 'X25519', false],
])('a store %s', async (_what, options, group, postQuantum) => {
  const port = await listening(tls(options));
  const host = `127.0.0.1:${port}`;
  expect(await inspectLink(s3({ endpoint: `https://${host}` }), 'a.json')).toEqual({
    kind: 'tls',
    host,
    group,
    postQuantum,
  });
});

test('one that is refused for being classical is classical', async () => {
  const host = `127.0.0.1:${await listening(tls({ ecdhCurve: 'X25519' }))}`;
  const required = s3({ endpoint: `https://${host}`, tls: { postQuantum: 'require' } });
  expect(await inspectLink(required, 'a.json')).toEqual({ kind: 'tls', host, group: 'X25519', postQuantum: false });
});

test('one that has no group of ours is unknown, in the words of TLS', async () => {
  const host = `127.0.0.1:${await listening(tls({ ecdhCurve: 'brainpoolP256r1' }))}`;
  const why = 'ssl/tls alert handshake failure';
  expect(await inspectLink(s3({ endpoint: `https://${host}` }), 'a.json')).toEqual({ kind: 'unknown', host, why });
});

test('one that hangs up, or is not there, is unknown', async () => {
  const port = await listening(createTcpServer((socket) => socket.destroy()));
  const endpoint = `https://127.0.0.1:${port}`;
  expect(await unknown(endpoint)).toMatch(/closed|disconnected|ECONNRESET/);
  const closed = server;
  if (closed !== null) await new Promise((resolve) => closed.close(resolve));
  expect(await unknown(endpoint)).toContain('ECONNREFUSED');
});

test('without TLS nobody is asked, and what stands before the host is not repeated', async () => {
  const facts = await inspectLink(s3({ endpoint: 'http://user:secret@store.example:9000/x' }), 'a.json');
  expect(facts).toEqual({ kind: 'http', host: 'store.example:9000', loopback: false });
  expect(await inspectLink(s3({ endpoint: 'http://[::1]:9000' }), 'a.json')).toMatchObject({ loopback: true });
});

test('a directory is here', async () => {
  const config = { hostKeys: ['key'], storage: { type: 'memory' } };
  const { storage } = parseConfig(JSON.stringify(config), '/a.json').config;
  expect(await inspectLink(storage, 'a.json')).toEqual({ kind: 'here' });
});

test.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::1', true],
  ['[::1]', true],
  ['LOCALHOST', true],
  ['a.localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.0.0.1.example.org', false],
  ['localhost.example.org', false],
  ['192.0.2.1', false],
])('%s is of this machine: %s', (host, loopback) => {
  expect(isLoopback(host)).toBe(loopback);
});
