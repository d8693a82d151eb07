// ssh-mldsa-44, -65 and -87 are there for a policy that names them, as host keys and user keys; for all others they are not.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CapturedKexInit } from '../../scripts/parse-kexinit.ts';
import { parseConfig } from '../../src/config/load.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { fipsRules } from '../../src/policy/fips-rules.ts';
import { prepareConfig } from '../../src/server/prepared-config.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { builtIn, policyJson } from '../policy/policy-files.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import type { TestServer } from './test-server.ts';
import { startTestServer } from './test-server.ts';

const SETS = [44, 65, 87] as const;
const NAMES = SETS.map((set) => `ssh-mldsa-${set}` as const);
const DEFAULT_POLICY = 'TransferPQSecurityPolicy-2026-11';
const POLICY = 'TransferSecurityPolicy-Test';

const CAPTURES = path.join(import.meta.dirname, '../vectors/captures');
const captured = (file: string): CapturedKexInit =>
  JSON.parse(readFileSync(path.join(CAPTURES, file), 'utf8')) as CapturedKexInit;
/** Offers of clients that have ML-DSA, with its names in front; OQS OpenSSH has them where it is told so. */
const OFFERS = [
  ['OQS OpenSSH', captured('oqs-openssh-10.3.json')],
  ['wolfSSH', captured('wolfssh-master-1.5.0.json')],
].map(([name, offer]) => {
  const { hostKeys, ...others } = offer as CapturedKexInit;
  const front = [...NAMES].reverse();
  return [
    name as string,
    { ...others, hostKeys: [...front, ...hostKeys.filter((each) => !front.includes(each as never))] },
  ] as const;
});

let server: TestServer;
const users = NAMES.map((_, index) => generatePrivateKey(`mldsa-${SETS[index] ?? 44}`));
const hosts: string[] = [];

/** What SIGHUP does, under a policy; all keys stay configured. */
async function reloadUnder(securityPolicy: string): Promise<void> {
  const { config, file } = server.running.prepared.loaded;
  await server.running.reload(prepareConfig(parseConfig(JSON.stringify({ ...config, securityPolicy }), file)));
}

beforeAll(async () => {
  const first = await startTestServer(
    { storage: { type: 'memory' } },
    SETS.map((set) => `mldsa-${set}` as const),
  );
  const policies = path.join(first.folder, 'policies');
  mkdirSync(policies);
  writeFileSync(
    path.join(policies, 'test.json'),
    JSON.stringify(
      policyJson({
        SecurityPolicyName: POLICY,
        SshKexs: builtIn.require(DEFAULT_POLICY, 'test', '$').algorithms.kex,
        SshCiphers: builtIn.require(DEFAULT_POLICY, 'test', '$').algorithms.ciphers,
        SshMacs: builtIn.require(DEFAULT_POLICY, 'test', '$').algorithms.macs,
        SshHostKeyAlgorithms: ['ssh-ed25519', ...NAMES],
      }),
    ),
  );
  server = first;
  const { config, file } = server.running.prepared.loaded;
  const demo = config.users.map((user) =>
    user.name === 'demo'
      ? { ...user, publicKeys: [...user.publicKeys, ...users.map(({ publicKey }) => publicKey)] }
      : user,
  );
  const changed = { ...config, users: demo, policyDirectories: [policies] };
  await server.running.reload(prepareConfig(parseConfig(JSON.stringify(changed), file)));
  hosts.push(...server.running.prepared.hostKeys.map(({ publicKey }) => publicKey.type));
});
afterAll(async () => {
  await server.stop();
});

const listsOf = (offer: CapturedKexInit) => ({
  kex: offer.kex,
  hostKeys: offer.hostKeys,
  ciphers: offer.ciphersClientToServer,
  macs: offer.macsClientToServer,
});
const connect = (hostKeys: readonly string[]): SshTestClient =>
  SshTestClient.connect(server.port, { algorithms: { ...MODERN, hostKeys } });

async function serverSigAlgs(client: SshTestClient): Promise<string[]> {
  const extensions = new SshReader(await client.take(7), 1);
  const names = Array.from({ length: extensions.uint32() }, () => [extensions.ascii(), extensions.string()] as const);
  return (
    names
      .find(([name]) => name === 'server-sig-algs')?.[1]
      .toString()
      .split(',') ?? []
  );
}

test('no policy of ours or of the service lists them, nor lets users sign with them', () => {
  for (const policy of builtIn.all) {
    const names: readonly string[] = [...policy.algorithms.hostKeys, ...fipsRules(policy).userKeyAlgorithms];
    expect([policy.name, names.filter((name) => name.startsWith('ssh-mldsa-'))]).toEqual([policy.name, []]);
  }
  expect(hosts.filter((type) => type.startsWith('ssh-mldsa-'))).toEqual(NAMES);
});

describe('under the default policy', () => {
  beforeAll(() => reloadUnder(DEFAULT_POLICY));

  test.each(OFFERS)('%s with ML-DSA names in front falls back', async (_name, offer) => {
    const client = SshTestClient.connect(server.port, { algorithms: listsOf(offer) });
    const { negotiated, hostKey } = await client.keyExchange();
    expect(NAMES).not.toContain(negotiated.hostKey);
    expect(negotiated.hostKey.startsWith(hostKey.type === 'ssh-rsa' ? 'rsa-sha2' : hostKey.type)).toBe(true);
    client.end();
  });

  test('server-sig-algs has none, and such a user key is refused for its algorithm', async () => {
    const client = connect(['ssh-ed25519']);
    await client.startAuth();
    expect((await serverSigAlgs(client)).filter((name) => name.startsWith('ssh-mldsa-'))).toEqual([]);
    const key = parsePrivateKey(users[1]?.privateKey ?? '');
    const before = server.log.length;
    expect(await client.publicKey('demo', key, 'ssh-mldsa-65')).toBe(51);
    client.end();
    await until(() => server.log.slice(before).some(({ event }) => event === 'auth.failure'), 'the failure is told');
    expect(server.log.slice(before).find(({ event }) => event === 'auth.failure')).toMatchObject({
      reason: 'algorithm-not-allowed',
      keyIsUsers: true,
    });
  });
});

describe('under a policy that names them', () => {
  beforeAll(() => reloadUnder(POLICY));

  test.each(OFFERS)('%s with ML-DSA names in front gets its first', async (_name, offer) => {
    const client = SshTestClient.connect(server.port, { algorithms: listsOf(offer) });
    const { negotiated, hostKey } = await client.keyExchange();
    expect([negotiated.hostKey, hostKey.type]).toEqual(['ssh-mldsa-87', 'ssh-mldsa-87']);
    client.end();
  });

  test.each(SETS)('a host key and a user key of ssh-mldsa-%i', async (set) => {
    const name = `ssh-mldsa-${set}` as const;
    const client = connect([name]);
    const { hostKey } = await client.keyExchange();
    const hostKeys = server.running.prepared.hostKeys.map(({ publicKey }) => publicKey.blob.toString('hex'));
    expect(hostKeys).toContain(hostKey.blob.toString('hex'));
    await client.startAuth();
    expect(await serverSigAlgs(client)).toEqual(expect.arrayContaining([...NAMES]));
    const key = parsePrivateKey(users[SETS.indexOf(set)]?.privateKey ?? '');
    const flip = (signature: Buffer): void => {
      signature.writeUInt8(signature.readUInt8(1000) ^ 1, 1000);
    };
    expect(await client.publicKey('demo', key, name, flip)).toBe(51);
    expect(await client.publicKey('demo', key, name)).toBe(52);
    expect(server.log.filter(({ event }) => event === 'auth.success').at(-1)).toMatchObject({ keyType: name });
    client.end();
  });
});
