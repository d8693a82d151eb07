// New host keys with clients that pin the old ones: the server announces all of its keys and proves them (OpenSSH PROTOCOL §2.5).
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../src/config/load.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { prepareConfig } from '../../src/server/prepared-config.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { findPeer } from '../peers/peers.ts';
import { MODERN } from '../transport/transport-pair.ts';
import { run } from './run.ts';
import { startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;
const files = {} as Record<'old' | 'fresh' | 'rsa' | 'p521', string>;

/** What SIGHUP does, with these host keys. */
async function reloadWith(hostKeys: readonly string[], securityPolicy?: string): Promise<void> {
  const { config, file } = server.running.prepared.loaded;
  const changed = { ...config, hostKeys, ...(securityPolicy === undefined ? {} : { securityPolicy }) };
  await server.running.reload(prepareConfig(parseConfig(JSON.stringify(changed), file)));
}

beforeAll(async () => {
  server = await startTestServer();
  for (const [name, type] of [
    ['old', 'ed25519'],
    ['fresh', 'ed25519'],
    ['rsa', 'rsa'],
    ['p521', 'ecdsa-521'],
  ] as const) {
    files[name] = path.join(server.folder, `host_${name}`);
    const { privateKey, publicKey } = generatePrivateKey(type, type === 'rsa' ? 2048 : undefined, name);
    writeFileSync(files[name], privateKey, { mode: 0o600 });
    writeFileSync(`${files[name]}.pub`, publicKey);
  }
});
afterAll(async () => {
  await server.stop();
});

const keyOf = (name: keyof typeof files) => parsePrivateKey(readFileSync(files[name], 'utf8'));
const userKey = () => parsePrivateKey(readFileSync(server.userKey('ed25519'), 'utf8'));

describe('on the wire', () => {
  test('the announcement comes after the login, with the usable keys; the first of a type signs', async () => {
    await reloadWith([files.old, files.fresh, files.rsa]);
    const client = SshTestClient.connect(server.port, { algorithms: MODERN });
    await client.startAuth();
    expect(client.received.some((message) => message[0] === 80)).toBe(false);
    await client.publicKey('demo', userKey(), 'ssh-ed25519');
    const request = new SshReader(await client.take(80));
    request.byte();
    expect(request.ascii()).toBe('hostkeys-00@openssh.com');
    expect(request.boolean()).toBe(false);
    const blobs = [];
    while (request.remaining > 0) blobs.push(request.string());
    const keys = (['old', 'fresh', 'rsa'] as const).map((name) => keyOf(name).publicKey);
    expect(blobs).toEqual(keys.map(({ blob }) => blob));
    expect((await client.keyExchange()).hostKey.blob).toEqual(keys[0]?.blob);
    client.end();
  });

  test('answers leave in the order of the requests, however long a signature takes', async () => {
    await reloadWith([files.old, files.rsa]);
    const client = SshTestClient.connect(server.port, { algorithms: MODERN });
    await client.startAuth();
    await client.publicKey('demo', userKey(), 'ssh-ed25519');
    const ask = (name: string, ...blobs: Buffer[]): void => {
      const writer = new SshWriter().byte(80).string(name).boolean(true);
      for (const blob of blobs) writer.string(blob);
      client.transport.send(writer.finish());
    };
    ask('hostkeys-prove-00@openssh.com', keyOf('rsa').publicKey.blob);
    ask('keepalive@openssh.com');
    ask('hostkeys-prove-00@openssh.com', keyOf('old').publicKey.blob);
    const answers = [await client.take(81, 82), await client.take(81, 82), await client.take(81, 82)];
    expect(answers.map((answer) => answer[0])).toEqual([81, 82, 81]);
    const proof = new SshReader(answers[0] ?? Buffer.alloc(0), 1).string();
    expect(new SshReader(proof).ascii()).toBe('rsa-sha2-512');
    client.end();
  });
});

describe('a key that the policy cannot use', () => {
  test('is told at the start with the reason, and is not announced', async () => {
    await reloadWith([files.old, files.p521], 'TransferPQSecurityPolicy-Audit-2026-11');
    expect(server.log.filter(({ event }) => event === 'host-key.unused').at(-1)).toMatchObject({
      level: 'warn',
      file: files.p521,
      keyType: 'ecdsa-sha2-nistp521',
      fingerprint: keyOf('p521').publicKey.fingerprint,
      msg: expect.stringContaining('TransferPQSecurityPolicy-Audit-2026-11 lists none of its algorithms'),
    });
    await reloadWith([files.old], 'TransferPQSecurityPolicy-2026-11');
  });
});

describe.each(['openssh-machine', 'openssh-10', 'openssh-sid'] as const)('%s', (name) => {
  const peer = findPeer(name);
  const given = peer === null ? test.skip : test;

  given('UpdateHostKeys=yes learns the new key, and logs in when the old one is gone', async () => {
    await reloadWith([files.old]);
    const knownHosts = path.join(server.folder, `known-${name}`);
    const line = (key: 'old' | 'fresh'): string => readFileSync(`${files[key]}.pub`, 'utf8').split(' ')[1] ?? '?';
    writeFileSync(knownHosts, `[127.0.0.1]:${server.port} ssh-ed25519 ${line('old')}\n`);
    const options = {
      UserKnownHostsFile: knownHosts,
      GlobalKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'yes',
      UpdateHostKeys: 'yes',
      IdentitiesOnly: 'yes',
      IdentityFile: server.userKey('ed25519'),
    };
    const login = () =>
      run(
        [
          ...(peer?.command ?? []),
          ...['-F', 'none', '-v', '-P', String(server.port), '-b', '-'],
          ...Object.entries(options).flatMap(([option, value]) => ['-o', `${option}=${value}`]),
          'demo@127.0.0.1',
        ],
        { input: 'ls /\nls /\n' },
      );
    // Only the old key is there: nothing to learn.
    expect((await login()).status).toBe(0);
    expect(readFileSync(knownHosts, 'utf8')).not.toContain(line('fresh'));
    // Both: the old one signs, the new one is learnt.
    await reloadWith([files.old, files.fresh]);
    expect((await login()).status).toBe(0);
    expect(readFileSync(knownHosts, 'utf8')).toContain(line('fresh'));
    expect(server.log.filter(({ event }) => event === 'session.host-keys-proved').at(-1)).toMatchObject({
      user: 'demo',
      fingerprints: [keyOf('fresh').publicKey.fingerprint],
    });
    // The old one is gone: the client goes on without a question, and forgets it.
    await reloadWith([files.fresh]);
    expect((await login()).status).toBe(0);
    expect(readFileSync(knownHosts, 'utf8')).not.toContain(line('old'));
  });
});
