// The built server in a Node whose OpenSSL really runs in FIPS mode, serving clients that know nothing of it; and what
// `fips: "required"` refuses, there and in this Node.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseKexInit } from '../../scripts/parse-kexinit.ts';
import { hashPassword } from '../../src/auth/password-hash.ts';
import type { SessionKex } from '../../src/policy/session-kex.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import type { InteropClient } from '../interop/client.ts';
import { openssh } from '../interop/clients/openssh.ts';
import { psftp } from '../interop/clients/putty.ts';
import type { Identity, KeyType } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import type { RunningServer } from '../interop/server-harness.ts';
import { startLatticeport } from '../interop/server-harness.ts';
import type { Finished } from '../peers/process.ts';
import { runProgram } from '../peers/process.ts';
import { builtIn, policyJson } from '../policy/policy-files.ts';
import { credentials, region, TestBucket } from '../storage/s3/s3-server.ts';
import { FIPS_NODE } from './fips-node.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const OPENSSH_10 = openssh('OpenSSH 10', 'openssh-10', 'Debian 12 backports', true);
const OPENSSH_SID = openssh('OpenSSH of sid', 'openssh-sid', 'Debian sid', true);
const PUTTY = psftp();

const inFipsMode = FIPS_NODE === null ? test.skip : test;

const base = mkdtempSync(path.join(tmpdir(), 'latticeport-fips-'));
let identity: Identity;
let pbkdf2: string;
const running: RunningServer[] = [];

beforeAll(async () => {
  if (!existsSync(MAIN)) throw new Error('there is no dist: npm run build');
  identity = await makeIdentity(path.join(base, 'identity'));
  pbkdf2 = await hashPassword(identity.password, 'pbkdf2-sha256');
});

afterAll(async () => {
  await Promise.all(running.map((server) => server.stop()));
  rmSync(base, { recursive: true, force: true });
});

function folder(): string {
  return mkdtempSync(path.join(base, 'x-'));
}

/** With `fips: "required"`, in the FIPS Node. */
async function startInFipsMode(
  securityPolicy: string,
  hostKeys: readonly KeyType[],
  config: Readonly<Record<string, unknown>> = {},
): Promise<RunningServer> {
  const publicKeys = Object.values(identity.userKeys).map(({ publicLine }) => publicLine);
  const server = await startLatticeport({
    directory: folder(),
    identity,
    hostKeys,
    node: FIPS_NODE ?? [],
    config: {
      securityPolicy,
      fips: 'required',
      users: [{ name: identity.user, publicKeys, passwordHash: pbkdf2, home: '/' }],
      auth: { maxAttempts: 20 },
      ...config,
    },
  });
  running.push(server);
  return server;
}

interface Transfer {
  readonly client: InteropClient;
  /** What must be negotiated, and what the client is told to ask for where it can be told. */
  readonly kex: string;
  readonly auth: KeyType | 'password';
  readonly hostKey: KeyType;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const HOST_KEY_NAMES: Readonly<Record<KeyType, RegExp>> = {
  ed25519: /^ssh-ed25519$/,
  'ecdsa-256': /^ecdsa-sha2-nistp256$/,
  'ecdsa-384': /^ecdsa-sha2-nistp384$/,
  'ecdsa-521': /^ecdsa-sha2-nistp521$/,
  'rsa-3072': /^rsa-sha2-(?:256|512)$/,
};

/** Puts a file and gets it back; compares digests, of what is `stored` too, and what was negotiated. */
async function transfer(
  server: RunningServer,
  { client, kex, auth, hostKey }: Transfer,
  stored = (name: string): Promise<Uint8Array> => readFile(path.join(server.root, name)),
): Promise<void> {
  const scratch = folder();
  const local = path.join(scratch, 'up');
  const back = path.join(scratch, 'down');
  const bytes = randomBytes(3_000_001);
  writeFileSync(local, bytes);
  const name = path.basename(scratch);
  const remote = `/${name}`;
  const from = server.log().length;
  const login = {
    host: server.host,
    port: server.port,
    user: identity.user,
    key: auth === 'password' ? null : identity.userKeys[auth],
    password: auth === 'password' ? identity.password : null,
    hostKey: identity.hostKeys[hostKey],
    kex,
    scratch,
  };
  const steps = [
    { do: 'put', local, remote },
    { do: 'get', remote, local: back },
  ] as const;
  const finished = await client.run(login, steps, 25_000);
  if (finished.code !== 0) throw new Error(`${client.name} failed\n${finished.stdout}\n${finished.stderr}`);
  expect(sha256(await readFile(back))).toBe(sha256(bytes));
  expect(sha256(await stored(name))).toBe(sha256(bytes));
  const accepted = await server.logged(({ event }) => event === 'auth.success', { from });
  expect(accepted).toMatchObject({ method: auth === 'password' ? 'password' : 'publickey' });
  // Lines of an earlier session may come late.
  const { kex: negotiated } = (await server.logged(
    ({ event, sessionId }) => event === 'session.negotiated' && sessionId === accepted['sessionId'],
  )) as unknown as { readonly kex: SessionKex };
  expect(negotiated.method).toBe(kex);
  expect(negotiated.hostKey).toMatch(HOST_KEY_NAMES[hostKey]);
}

function servesAFile(server: () => RunningServer, row: Transfer): void {
  const t = FIPS_NODE === null || row.client.version === null ? test.skip : test;
  t(`${row.client.name}: a file up and down with ${row.kex}, ${row.auth}, host key ${row.hostKey}`, async () => {
    await transfer(server(), row);
  });
}

/** The lists of the server's KEXINIT, read from the wire. */
async function listsOnTheWire(port: number): Promise<Record<'kex' | 'ciphers' | 'macs' | 'hostKeys', string[]>> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('SSH-2.0-Test\r\n');
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      const lists = parseKexInit(received);
      if (lists === null) continue;
      return {
        kex: lists.kex.filter((name) => !name.startsWith('kex-strict')),
        ciphers: [...lists.ciphersServerToClient],
        macs: [...lists.macsServerToClient],
        hostKeys: [...lists.hostKeys],
      };
    }
    throw new Error('no KEXINIT came');
  } finally {
    socket.destroy();
  }
}

/** One key exchange of this project's own client with each method, cipher and MAC of the policy. */
async function exchangeEverything(server: RunningServer, policyName: string): Promise<void> {
  const { kex, ciphers, macs } = builtIn.require(policyName, 'test', '$').algorithms;
  const { hostKeys } = await listsOnTheWire(server.port);
  const rounds = Math.max(kex.length, ciphers.length * macs.length, hostKeys.length);
  for (let round = 0; round < rounds; round += 1) {
    const pick = (list: readonly string[], index: number): string[] => [list[index % list.length] ?? ''];
    const algorithms = {
      kex: pick(kex, round),
      hostKeys: pick(hostKeys, round),
      ciphers: pick(ciphers, round),
      macs: pick(macs, Math.floor(round / ciphers.length)),
    };
    const client = SshTestClient.connect(server.port, { algorithms });
    // The first message that is encrypted both ways.
    await client.startAuth();
    expect((await client.keyExchange()).negotiated).toMatchObject({
      kex: algorithms.kex[0],
      cipherServerToClient: algorithms.ciphers[0],
    });
    client.end();
  }
}

/** What a start reports of OpenSSL's FIPS mode; the version is the machine's. */
function providersOf(server: RunningServer): object {
  const { openssl, ...providers } = server.log().find(({ event }) => event === 'server.listening')?.[
    'crypto'
  ] as Record<string, unknown>;
  expect(openssl).toMatch(/^\d+\.\d+/);
  return providers;
}

describe('TransferSecurityPolicy-FIPS-2025-03', () => {
  const POLICY = 'TransferSecurityPolicy-FIPS-2025-03';
  let server: RunningServer;
  beforeAll(async () => {
    if (FIPS_NODE !== null) server = await startInFipsMode(POLICY, ['ecdsa-256', 'rsa-3072']);
  });

  inFipsMode('computes everything in the module but X25519, the auxiliary secret of a hybrid', () => {
    expect(providersOf(server)).toEqual({
      fips: true,
      random: 'node',
      signatures: 'node',
      hashes: 'node',
      mlKem: 'node',
      x25519: 'noble (auxiliary secret)',
      nistCurves: 'node',
      modpGroups: 'node',
      aes: 'node',
      hmac: 'node',
    });
  });

  inFipsMode('X25519 is what the module refuses', async () => {
    const script = `
      const crypto = require('node:crypto');
      const refused = [];
      for (const type of ['ml-kem-768', 'ml-dsa-44', 'x25519', 'ed25519']) {
        try { crypto.generateKeyPairSync(type); } catch { refused.push(type); }
      }
      console.log(crypto.getFips(), ...refused);`;
    const { stdout } = await runProgram([...(FIPS_NODE ?? []), '-e', script]);
    expect(stdout.trim()).toBe('1 x25519');
  });

  for (const row of [
    { client: OPENSSH_10, kex: 'mlkem768x25519-sha256', auth: 'ecdsa-256', hostKey: 'ecdsa-256' },
    { client: OPENSSH_10, kex: 'mlkem768x25519-sha256', auth: 'password', hostKey: 'rsa-3072' },
    { client: OPENSSH_10, kex: 'ecdh-sha2-nistp256', auth: 'rsa-3072', hostKey: 'rsa-3072' },
    { client: OPENSSH_10, kex: 'ecdh-sha2-nistp256', auth: 'password', hostKey: 'ecdsa-256' },
    { client: OPENSSH_10, kex: 'diffie-hellman-group-exchange-sha256', auth: 'ed25519', hostKey: 'rsa-3072' },
    { client: OPENSSH_SID, kex: 'mlkem768nistp256-sha256', auth: 'ed25519', hostKey: 'ecdsa-256' },
    { client: OPENSSH_SID, kex: 'mlkem768nistp256-sha256', auth: 'password', hostKey: 'rsa-3072' },
  ] as const) {
    servesAFile(() => server, row);
  }

  inFipsMode('offers the policy and nothing else', async () => {
    const { kex, ciphers, macs, hostKeys } = builtIn.require(POLICY, 'test', '$').algorithms;
    expect(await listsOnTheWire(server.port)).toEqual({
      kex,
      ciphers,
      macs,
      hostKeys: hostKeys.filter((name) => name === 'ecdsa-sha2-nistp256' || name.startsWith('rsa-sha2-')),
    });
  });

  inFipsMode('every method, cipher and MAC that it offers works', async () => {
    await exchangeEverything(server, POLICY);
  });

  const t = FIPS_NODE === null || OPENSSH_10.version === null ? test.skip : test;
  t('a client that has X25519 alone is refused, and the next one is served', async () => {
    const attempt = (kex: string): Promise<void> =>
      transfer(server, { client: OPENSSH_10, kex, auth: 'ed25519', hostKey: 'ecdsa-256' });
    await expect(attempt('curve25519-sha256')).rejects.toThrow('no matching key exchange method found');
    await attempt('mlkem768x25519-sha256');
  });

  inFipsMode('a wrong password of a user that exists takes as long as one of a user that does not', async () => {
    const algorithms = { ...(await listsOnTheWire(server.port)), kex: ['ecdh-sha2-nistp256'] };
    const client = SshTestClient.connect(server.port, { algorithms });
    await client.startAuth();
    const shortest = { known: Infinity, unknown: Infinity };
    for (let attempt = 0; attempt < 3; attempt += 1) {
      for (const who of ['known', 'unknown'] as const) {
        const begun = performance.now();
        expect(await client.password(who === 'known' ? identity.user : 'nobody', 'wrong')).toBe(51);
        shortest[who] = Math.min(shortest[who], performance.now() - begun);
      }
    }
    client.end();
    // PBKDF2 with 600,000 iterations takes a tenth of a second; to look a name up, nothing that could be measured.
    expect(shortest.unknown).toBeGreaterThan(shortest.known / 2);
    expect(shortest.unknown).toBeLessThan(shortest.known * 2);
  });
});

describe('TransferPQSecurityPolicy-FIPS-2026-11', () => {
  const POLICY = 'TransferPQSecurityPolicy-FIPS-2026-11';
  let server: RunningServer;
  beforeAll(async () => {
    if (FIPS_NODE !== null) server = await startInFipsMode(POLICY, ['ecdsa-256', 'rsa-3072']);
  });

  for (const row of [
    { client: OPENSSH_10, kex: 'mlkem768x25519-sha256', auth: 'ecdsa-384', hostKey: 'rsa-3072' },
    { client: OPENSSH_SID, kex: 'mlkem768nistp256-sha256', auth: 'password', hostKey: 'ecdsa-256' },
    { client: PUTTY, kex: 'mlkem768x25519-sha256', auth: 'ecdsa-256', hostKey: 'ecdsa-256' },
  ] as const) {
    servesAFile(() => server, row);
  }

  inFipsMode('says that Kyber ends outside the module', () => {
    expect(providersOf(server)).toMatchObject({ mlKem: 'node', kyber: 'latticeport, on hashes of node' });
  });

  inFipsMode('every method, cipher and MAC that it offers works', async () => {
    await exchangeEverything(server, POLICY);
  });
});

describe('TransferPQSecurityPolicy-CNSA2-2026-11', () => {
  const POLICY = 'TransferPQSecurityPolicy-CNSA2-2026-11';
  let server: RunningServer;
  beforeAll(async () => {
    if (FIPS_NODE !== null) server = await startInFipsMode(POLICY, ['ecdsa-384', 'rsa-3072']);
  });

  // Of the clients at hand PuTTY alone has the method.
  for (const row of [
    { client: PUTTY, kex: 'mlkem1024nistp384-sha384', auth: 'ecdsa-384', hostKey: 'ecdsa-384' },
    { client: PUTTY, kex: 'mlkem1024nistp384-sha384', auth: 'password', hostKey: 'ecdsa-384' },
  ] as const) {
    servesAFile(() => server, row);
  }

  inFipsMode('computes everything in the module', () => {
    expect(providersOf(server)).toEqual({
      fips: true,
      random: 'node',
      signatures: 'node',
      hashes: 'node',
      mlKem: 'node',
      nistCurves: 'node',
      aes: 'node',
    });
  });

  inFipsMode('every method, cipher and MAC that it offers works', async () => {
    await exchangeEverything(server, POLICY);
  });
});

describe('with S3 for a store', () => {
  const endpoint = process.env['S3_ENDPOINT'];
  const t = FIPS_NODE === null || endpoint === undefined || OPENSSH_10.version === null ? test.skip : test;
  t('the SDK signs and sums with what the module has', async () => {
    const bucket = await TestBucket.create(endpoint ?? '');
    const server = await startInFipsMode('TransferSecurityPolicy-FIPS-2025-03', ['ecdsa-256'], {
      storage: { type: 's3', bucket: bucket.name, region, endpoint, credentials: credentials() },
    });
    await transfer(
      server,
      { client: OPENSSH_10, kex: 'mlkem768x25519-sha256', auth: 'password', hostKey: 'ecdsa-256' },
      async (Key) => {
        const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: bucket.name, Key }));
        return (await Body?.transformToByteArray()) ?? new Uint8Array();
      },
    );
    expect(await server.stop()).toBe('exit status 0');
    await bucket.destroy();
  });
});

inFipsMode('a policy file that stops being a FIPS policy does not replace the one in force', async () => {
  const NAME = 'TransferSecurityPolicy-Test';
  const policies = folder();
  const file = path.join(policies, 'own.json');
  const lists = { Fips: true, SshKexs: ['ecdh-sha2-nistp256'], SshHostKeyAlgorithms: ['ecdsa-sha2-nistp256'] };
  writeFileSync(file, JSON.stringify(policyJson(lists)));
  const server = await startInFipsMode(NAME, ['ecdsa-256'], { policyDirectories: [policies] });

  for (const [changes, why] of [
    [{ Fips: false }, `${NAME} is not a FIPS policy`],
    [{ SshHostKeyAlgorithms: ['ssh-ed25519'] }, 'ssh-ed25519'],
  ] as const) {
    const from = server.log().length;
    writeFileSync(file, JSON.stringify(policyJson({ ...lists, ...changes })));
    const refused = await server.logged(({ event, msg }) => event === 'policy.refused' && msg.includes(why), { from });
    expect(refused['file']).toBe(file);
  }
  expect((await listsOnTheWire(server.port)).kex).toEqual(['ecdh-sha2-nistp256']);

  writeFileSync(file, JSON.stringify(policyJson({ ...lists, SshKexs: ['ecdh-sha2-nistp384'] })));
  await server.logged(({ event }) => event === 'policy.reloaded');
  expect((await listsOnTheWire(server.port)).kex).toEqual(['ecdh-sha2-nistp384']);
});

describe('what is refused at start', () => {
  /** `latticeport COMMAND` on a configuration of its own; what it says on standard error, with the file's name as FILE. */
  async function refusal(
    node: readonly string[] | null,
    command: readonly string[],
    config: Readonly<Record<string, unknown>>,
  ): Promise<string> {
    const directory = folder();
    mkdirSync(path.join(directory, 'files'));
    const file = path.join(directory, 'latticeport.json');
    const whole = {
      listen: { host: '127.0.0.1', port: 0 },
      hostKeys: [identity.hostKeys['ecdsa-256'].path],
      storage: { type: 'memory' },
      users: [{ name: 'alice', publicKeys: [identity.userKeys.ed25519.publicLine] }],
      ...config,
    };
    writeFileSync(file, JSON.stringify(whole));
    const finished: Finished = await runProgram([...(node ?? []), MAIN, ...command, file], { timeoutMs: 20_000 });
    expect(finished).toMatchObject({ code: 1, timedOut: false, stdout: '' });
    return finished.stderr.replaceAll(file, 'FILE');
  }

  const CHECK = ['check-config'];
  const GOOD = { fips: 'required', securityPolicy: 'TransferSecurityPolicy-FIPS-2025-03' };

  test('"required" in a Node without FIPS mode', async () => {
    const text = await refusal([process.execPath], ['serve', '--config'], GOOD);
    expect(text).toMatch(
      /^latticeport: FILE: \$\.fips: FIPS mode is required, but .* --enable-fips .*docs\/fips\.md\n$/,
    );
  });

  inFipsMode.each<[what: string, config: Readonly<Record<string, unknown>>, says: RegExp]>([
    [
      'another policy',
      { ...GOOD, securityPolicy: 'TransferPQSecurityPolicy-2026-11' },
      /FILE: \$\.fips: .*TransferPQSecurityPolicy-2026-11 is not a FIPS policy/,
    ],
    [
      'a FIPS policy with SHA-1',
      { ...GOOD, securityPolicy: 'TransferSecurityPolicy-FIPS-2024-01' },
      /FILE: \$\.fips: .*lists ssh-rsa /,
    ],
    [
      'an scrypt hash',
      {
        ...GOOD,
        users: [{ name: 'alice', passwordHash: `$scrypt$ln=15,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}` }],
      },
      /FILE: \$\.users\[0\]\.passwordHash: .*"alice" is an scrypt hash.*"latticeport hash-password --kind pbkdf2-sha256"/,
    ],
    [
      'a hash with a short salt',
      { ...GOOD, users: [{ name: 'bob', passwordHash: `$pbkdf2-sha256$i=1000$${'A'.repeat(11)}$${'A'.repeat(43)}` }] },
      /FILE: \$\.users\[0\]\.passwordHash: .*"bob" has a salt that is too short for FIPS mode/,
    ],
    [
      'without "required", a policy with algorithms that the module refuses',
      { securityPolicy: 'TransferPQSecurityPolicy-2026-11' },
      /FILE: \$\.securityPolicy: .*refuses: sntrup761x25519-sha512.*curve25519-sha256.*chacha20-poly1305@openssh\.com/,
    ],
  ])('in FIPS mode: %s', async (_what, config, says) => {
    expect(await refusal(FIPS_NODE, CHECK, config)).toMatch(says);
  });
});

describe('hash-password', () => {
  const hash = (...options: string[]): Promise<Finished> =>
    runProgram([...(FIPS_NODE ?? []), MAIN, 'hash-password', ...options], { input: 'secret\n' });

  inFipsMode('makes PBKDF2 hashes in FIPS mode', async () => {
    expect((await hash()).stdout).toMatch(/^\$pbkdf2-sha256\$i=600000\$/);
  });

  inFipsMode('says that scrypt cannot be had there', async () => {
    expect(await hash('--kind', 'scrypt')).toMatchObject({
      code: 1,
      stderr: 'latticeport: OpenSSL runs in FIPS mode, where scrypt is refused: use --kind pbkdf2-sha256\n',
    });
  });
});
