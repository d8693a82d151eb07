// What one user who is logged in can take from the others.
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import type { LogLine, TestServer } from './test-server.ts';
import { PASSWORD, startTestServer } from './test-server.ts';

let server: TestServer | undefined;
const clients: SshTestClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  await server?.stop();
});

async function connection(): Promise<SshTestClient> {
  const client = SshTestClient.connect(server?.port ?? 0, { algorithms: MODERN });
  clients.push(client);
  await client.startAuth();
  return client;
}

const key = (): ReturnType<typeof parsePrivateKey> =>
  parsePrivateKey(readFileSync(server?.userKey('ed25519') ?? '', 'utf8'));
const lines = (event: string): LogLine[] => server?.log.filter((line) => line.event === event) ?? [];

describe('connections of one user', () => {
  test('past the limit a login is refused and says why; other users are not affected; one that ends makes room', async () => {
    server = await startTestServer({ storage: { type: 'memory' }, limits: { connectionsPerUser: 2 } });
    const first = await connection();
    expect(await first.publicKey('demo', key(), 'ssh-ed25519')).toBe(52);
    expect(await (await connection()).password('demo', PASSWORD)).toBe(52);
    const third = await connection();
    await expect(third.publicKey('demo', key(), 'ssh-ed25519')).rejects.toThrow('too many connections of this user');
    expect(lines('auth.failure').at(-1)).toMatchObject({ user: 'demo', reason: 'too-many-connections' });
    expect(await (await connection()).password('reader', PASSWORD)).toBe(52);
    first.end();
    await until(() => lines('session.closed').length >= 2, 'both are over');
    expect(await (await connection()).publicKey('demo', key(), 'ssh-ed25519')).toBe(52);
  });

  test('whoever does not prove to be the user takes none of its places', async () => {
    server = await startTestServer({ storage: { type: 'memory' }, limits: { connectionsPerUser: 1 } });
    const stranger = await connection();
    expect(await stranger.password('demo', 'guess')).toBe(51);
    expect(await stranger.queryKey('demo', key(), 'ssh-ed25519')).toBe(60);
    expect(await (await connection()).publicKey('demo', key(), 'ssh-ed25519')).toBe(52);
  });
});
