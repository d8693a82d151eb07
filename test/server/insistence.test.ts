// The setting "postQuantum" of a server, with clients that prefer a classical method although they have a hybrid.
import { afterEach, describe, expect, test } from '@jest/globals';
import { prepareKexMethods } from '../../src/crypto/kex/kex-constructors.ts';
import { parseConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
import { findClientPreset } from '../../src/policy/client-presets.ts';
import { Insisting } from '../../src/server/insistence.ts';
import { checkReplacement } from '../../src/server/prepared-config.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { runProgram } from '../peers/process.ts';
import { builtIn } from '../policy/policy-files.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import { startTestServer, type ConfigInput, type LogLine, type TestServer } from './test-server.ts';

const HYBRID = 'sntrup761x25519-sha512@openssh.com';
const CLASSICAL = 'curve25519-sha256';
const BOTH = [CLASSICAL, HYBRID];

let server: TestServer | null = null;
afterEach(async () => {
  await server?.stop();
  server = null;
});

async function start(changes: Partial<ConfigInput>): Promise<TestServer> {
  await prepareKexMethods(builtIn.require('TransferPQSecurityPolicy-2026-11', 'test', '$').algorithms.kex);
  server = await startTestServer(changes);
  return server;
}

/** The line of the log that tells of the first key exchange. */
async function negotiatedAt({ log }: TestServer): Promise<LogLine> {
  const find = (): LogLine | undefined => log.find(({ event }) => event === 'session.negotiated');
  await until(() => find() !== undefined, 'a key exchange is in the log', 30_000);
  const line = find();
  if (line === undefined) throw new Error('it was in the log');
  return line;
}

describe('a client that prefers a classical method', () => {
  test.each<[what: string, changes: Partial<ConfigInput>, method: string, over: string | null]>([
    ['gets a hybrid by default', {}, HYBRID, CLASSICAL],
    ['gets a hybrid where it is required', { postQuantum: 'require' }, HYBRID, CLASSICAL],
    ['has its way where they are offered', { postQuantum: 'offer' }, CLASSICAL, null],
    [
      'has its way in a network that is excepted',
      { insistence: { exceptFrom: ['2001:db8::/32', '127.0.0.0/8'] } },
      CLASSICAL,
      null,
    ],
  ])('%s', async (_what, changes, method, over) => {
    const { port, ...rest } = await start(changes);
    const client = SshTestClient.connect(port, { algorithms: { ...MODERN, kex: BOTH } });
    expect((await client.keyExchange()).negotiated.kex).toBe(method);
    client.end();
    const line = await negotiatedAt({ port, ...rest });
    expect(line).toMatchObject({ kex: { method, insistedOver: over, betterPqAvailable: method === CLASSICAL } });
    const insisted = `post-quantum key exchange: ${HYBRID}, insisted on: the client would rather have ${CLASSICAL}`;
    expect(line['msg']).toBe(over === null ? `classical key exchange: ${CLASSICAL}` : insisted);
  });

  test('with a policy without hybrids nothing is waited for', async () => {
    const { port } = await start({
      securityPolicy: 'TransferSecurityPolicy-2018-11',
      insistence: { waitSeconds: 10 },
      auth: { loginGraceSeconds: 3 },
    });
    const client = SshTestClient.connect(port, {
      algorithms: { ...MODERN, kex: [CLASSICAL], ciphers: ['aes128-ctr'], macs: ['hmac-sha2-256'] },
    });
    expect((await client.keyExchange()).negotiated.kex).toBe(CLASSICAL);
    client.end();
  });
});

test('a client without a hybrid connects under "insist", and is refused under "require"', async () => {
  const algorithms = { ...MODERN, kex: [CLASSICAL] };
  const insisting = await start({});
  const client = SshTestClient.connect(insisting.port, { algorithms });
  expect((await client.keyExchange()).negotiated.kex).toBe(CLASSICAL);
  client.end();
  await insisting.stop();
  const strict = await start({ postQuantum: 'require' });
  const refused = SshTestClient.connect(strict.port, { algorithms });
  await expect(refused.keyExchange()).rejects.toMatchObject({ reason: 3 });
});

test('the lists of OQS OpenSSH, as captured, come to a hybrid', async () => {
  const offer = findClientPreset('oqs-openssh')?.offer;
  if (offer === undefined) throw new Error('there is no such preset');
  const { kex, hostKeys, ciphersClientToServer: ciphers, macsClientToServer: macs } = offer;
  expect(kex[0]).toBe(CLASSICAL);
  const { port } = await start({});
  const client = SshTestClient.connect(port, { algorithms: { kex, hostKeys, ciphers, macs } });
  expect((await client.keyExchange()).negotiated.kex).toMatch(/kyber|mlkem/);
  client.end();
});

describe.each(['openssh-machine', 'openssh-sid'] as const)('%s', (peer) => {
  const found = findPeer(peer);
  const command = found?.program('ssh') ?? null;
  const t = command === null ? test.skip : test;

  t.each([
    ['insist', HYBRID],
    ['offer', CLASSICAL],
    ['require', HYBRID],
  ] as const)(
    `"%s" with KexAlgorithms=${BOTH.join(',')} (${missingPeer(peer) ?? found?.version ?? ''})`,
    async (postQuantum, method) => {
      const running = await start({ postQuantum });
      const options = [
        'StrictHostKeyChecking=no',
        'UserKnownHostsFile=/dev/null',
        'BatchMode=yes',
        `KexAlgorithms=${BOTH.join(',')}`,
      ];
      const args = options.flatMap((option) => ['-o', option]);
      await runProgram([...(command ?? []), '-F', 'none', ...args, '-p', String(running.port), 'x@127.0.0.1', 'true'], {
        timeoutMs: 40_000,
      });
      expect(await negotiatedAt(running)).toMatchObject({ kex: { method } });
    },
  );
});

describe('a configuration', () => {
  const config = (changes: object) =>
    parseConfig(JSON.stringify({ hostKeys: ['key'], storage: { type: 'memory' }, ...changes }), '/etc/latticeport.json')
      .config;
  const policy = builtIn.require('TransferPQSecurityPolicy-2026-11', 'test', '$');
  const classical = builtIn.require('TransferSecurityPolicy-2018-11', 'test', '$');

  test('"require" needs a policy with a hybrid: the file and the place are named', async () => {
    const starting = start({ postQuantum: 'require', securityPolicy: classical.name });
    await expect(starting).rejects.toThrow(
      /latticeport\.json: \$\.postQuantum: "require" needs a post-quantum .*TransferSecurityPolicy-2018-11 has none/,
    );
    await expect(starting).rejects.toBeInstanceOf(ConfigError);
  });

  test('so does a policy file that changes while it is in force', () => {
    expect(() => {
      checkReplacement(classical, { fips: 'off', postQuantum: 'require' }, []);
    }).toThrow(expect.objectContaining({ file: classical.file, jsonPath: '$.SecurityPolicy.SshKexs' }));
  });

  test.each(['192.0.2.1', '192.0.2.0/33', 'example.com/24', '2001:db8::/129', ''])('%j is no network', (network) => {
    expect(() => config({ insistence: { exceptFrom: [network] } })).toThrow(
      /\$\.insistence\.exceptFrom\[0\]: expected a network such as 192\.0\.2\.0\/24/,
    );
  });

  test('networks are excepted in either family, and nothing else is', () => {
    const insisting = new Insisting(
      config({ insistence: { exceptFrom: ['192.0.2.0/24', '2001:db8:1::/48', 'fe80::/10'], waitSeconds: 3 } }),
      policy.algorithms,
    );
    const excepted = ['192.0.2.0', '192.0.2.255', '2001:db8:1::9', 'fe80::1%eth0'];
    expect(excepted.map((address) => insisting.with(address))).toEqual(excepted.map(() => undefined));
    for (const address of ['192.0.3.0', '2001:db8:2::9', '::1', 'unknown']) {
      expect(insisting.with(address)).toMatchObject({ waitSeconds: 3 });
    }
  });
});
