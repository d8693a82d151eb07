// ssh-mldsa44-ed25519 as the user's key and as the server's only host key; and clients that have never heard of it.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../src/config/load.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { prepareConfig } from '../../src/server/prepared-config.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import type { PeerName } from '../peers/peers.ts';
import { findPeer } from '../peers/peers.ts';
import { MODERN } from '../transport/transport-pair.ts';
import { run, type RunResult } from './run.ts';
import { startTestServer, type TestServer } from './test-server.ts';

const NAME = 'ssh-mldsa44-ed25519';
const EVERY_KEY = ['ed25519', 'mldsa44-ed25519', 'stranger'] as const;

let server: TestServer;
const files = {} as Record<(typeof EVERY_KEY)[number] | 'user', string>;
const lines = {} as typeof files;

/** What SIGHUP does, with these host keys; the demo user has the ML-DSA key beside those of every test server. */
async function reloadWith(...hostKeys: readonly string[]): Promise<void> {
  const { config, file } = server.running.prepared.loaded;
  const users = config.users.map((user) =>
    user.name === 'demo' ? { ...user, publicKeys: [...user.publicKeys, lines.user] } : user,
  );
  await server.running.reload(prepareConfig(parseConfig(JSON.stringify({ ...config, hostKeys, users }), file)));
}

beforeAll(async () => {
  server = await startTestServer();
  for (const name of [...EVERY_KEY, 'user'] as const) {
    files[name] = path.join(server.folder, `key_${name}`);
    const { privateKey, publicKey } = generatePrivateKey(name === 'ed25519' ? name : 'mldsa44-ed25519');
    lines[name] = publicKey;
    writeFileSync(files[name], privateKey, { mode: 0o600 });
    writeFileSync(`${files[name]}.pub`, `${publicKey}\n`);
  }
});
afterAll(async () => {
  await server.stop();
});

const keyOf = (name: keyof typeof files) => parsePrivateKey(readFileSync(files[name], 'utf8'));

describe('on the wire', () => {
  const connect = () => SshTestClient.connect(server.port, { algorithms: { ...MODERN, hostKeys: [NAME] } });

  test('the host key signs, server-sig-algs has the name, and the user logs in', async () => {
    await reloadWith(files['mldsa44-ed25519']);
    const client = connect();
    const { hostKey, negotiated } = await client.keyExchange();
    expect(negotiated.hostKey).toBe(NAME);
    expect(hostKey.blob).toEqual(keyOf('mldsa44-ed25519').publicKey.blob);
    const extensions = new SshReader(await client.take(7), 1);
    const names = Array.from({ length: extensions.uint32() }, () => [extensions.ascii(), extensions.string()] as const);
    const algorithms = names
      .find(([name]) => name === 'server-sig-algs')?.[1]
      .toString()
      .split(',');
    expect(algorithms).toContain(NAME);
    await client.startAuth();
    expect(await client.queryKey('demo', keyOf('user'), NAME)).toBe(60);
    expect(await client.queryKey('demo', keyOf('stranger'), NAME)).toBe(51);
    expect(await client.publicKey('demo', keyOf('user'), NAME)).toBe(52);
    expect(server.log.filter(({ event }) => event === 'auth.success').at(-1)).toMatchObject({
      user: 'demo',
      keyType: NAME,
      fingerprint: keyOf('user').publicKey.fingerprint,
    });
    client.end();
  });

  test('a flipped bit in either half of the signature is a wrong signature, and no more is said', async () => {
    await reloadWith(files['mldsa44-ed25519']);
    const client = connect();
    await client.startAuth();
    const reasons: unknown[] = [];
    // The ML-DSA half begins after the name and two lengths; the Ed25519 half is the last 64 bytes.
    for (const place of [4 + NAME.length + 4, 1500, -65, -64, -1]) {
      const flip = (signature: Buffer): void => {
        const at = place < 0 ? signature.length + place : place;
        signature.writeUInt8(signature.readUInt8(at) ^ 1, at);
      };
      expect(await client.publicKey('demo', keyOf('user'), NAME, flip)).toBe(51);
      reasons.push(server.log.filter(({ event }) => event === 'auth.failure').at(-1)?.['reason']);
    }
    expect(reasons).toEqual(reasons.map(() => 'wrong-signature'));
    expect(await client.publicKey('demo', keyOf('user'), NAME)).toBe(52);
    client.end();
  });
});

/** A login of OpenSSH that may ask nothing. */
function login(
  peer: PeerName,
  knownHosts: string,
  key: string,
  options: Record<string, string> = {},
): Promise<RunResult> {
  const all = {
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    IdentityFile: key,
    ...options,
  };
  return run(
    [
      ...(findPeer(peer)?.command ?? []),
      ...['-F', 'none', '-v', '-P', String(server.port), '-b', '-'],
      ...Object.entries(all).flatMap(([option, value]) => ['-o', `${option}=${value}`]),
      'demo@127.0.0.1',
    ],
    { input: 'ls /\nls /\n' },
  );
}
function knownHostsFile(name: string, ...keys: (keyof typeof files)[]): string {
  const file = path.join(server.folder, `known-${name}`);
  writeFileSync(file, keys.map((key) => `[127.0.0.1]:${server.port} ${lines[key]}\n`).join(''));
  return file;
}

const peer = findPeer('openssh-mldsa');
const given = peer === null ? test.skip : test;

describe(`OpenSSH ${peer?.version ?? 'that knows the type (not installed)'}`, () => {
  given('logs in with such a user key, against such a host key alone', async () => {
    await reloadWith(files['mldsa44-ed25519']);
    const { status, stderr } = await login('openssh-mldsa', knownHostsFile('alone', 'mldsa44-ed25519'), files.user);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(stderr).toContain(`kex: host key algorithm: ${NAME}`);
    expect(server.log.filter(({ event }) => event === 'auth.success').at(-1)).toMatchObject({ keyType: NAME });
  });

  given('refuses another host key of the type', async () => {
    await reloadWith(files['mldsa44-ed25519']);
    const { status, stderr } = await login('openssh-mldsa', knownHostsFile('other', 'stranger'), files.user);
    expect(status).not.toBe(0);
    expect(stderr).toContain('Host key verification failed');
  });

  given('learns the key by UpdateHostKeys, and uses it when the old one is gone', async () => {
    await reloadWith(files.ed25519, files['mldsa44-ed25519']);
    const known = knownHostsFile('rotation', 'ed25519');
    expect(await login('openssh-mldsa', known, files.user, { UpdateHostKeys: 'yes' })).toMatchObject({ status: 0 });
    expect(readFileSync(known, 'utf8')).toContain(lines['mldsa44-ed25519'].split(' ')[1]);
    await reloadWith(files['mldsa44-ed25519']);
    const { status, stderr } = await login('openssh-mldsa', known, files.user);
    expect(status).toBe(0);
    expect(stderr).toContain(`kex: host key algorithm: ${NAME}`);
  });
});

describe('a client that does not know the type', () => {
  const old = findPeer('openssh-machine');
  const knows = old !== null && Number.parseFloat(old.version) >= 10.6;
  const withOld = old === null || knows ? test.skip : test;

  withOld(`OpenSSH ${old?.version ?? ''} uses and learns the others, as ever`, async () => {
    await reloadWith(files.ed25519, files['mldsa44-ed25519']);
    const known = knownHostsFile('old', 'ed25519');
    const key = server.userKey('ed25519');
    expect(await login('openssh-machine', known, key, { UpdateHostKeys: 'yes' })).toMatchObject({ status: 0 });
    expect(readFileSync(known, 'utf8')).not.toContain(NAME);
    // And where its known_hosts has the new key beside the other, as the first start writes it.
    const both = knownHostsFile('both', 'mldsa44-ed25519', 'ed25519');
    expect(await login('openssh-machine', both, key)).toMatchObject({ status: 0 });
  });

  withOld(`OpenSSH ${old?.version ?? ''} is told that no host key suits it where there is no other`, async () => {
    await reloadWith(files['mldsa44-ed25519']);
    const result = await login('openssh-machine', knownHostsFile('none', 'ed25519'), server.userKey('ed25519'));
    expect(result.status).not.toBe(0);
    expect(result.stderr).toContain('no matching host key type found');
  });
});
