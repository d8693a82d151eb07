// Certificates with OpenSSH's own tools and client: for users, for hosts, for both.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../src/config/load.ts';
import { parseCertificateLine } from '../../src/crypto/certificates/certificate-line.ts';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../src/crypto/keys/public-key.ts';
import { prepareConfig } from '../../src/server/prepared-config.ts';
import { certifiedKey, ED25519_CERTIFICATE } from '../client/certified-key.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { findPeer } from '../peers/peers.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import { run, type RunResult } from './run.ts';
import type { ConfigInput, LogLine, TestServer } from './test-server.ts';
import { startTestServer } from './test-server.ts';

const peer = findPeer('openssh-mldsa');
const describeWithPeer = peer === null ? describe.skip : describe;

/** Everything that ssh-keygen makes; the keys are made once. */
const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-certificates-'));
const file = (name: string): string => path.join(folder, name);
const lineOf = (key: string): string => readFileSync(file(`${key}.pub`), 'utf8').trim();
const certificateOf = (key: string) => parseCertificateLine(readFileSync(file(`${key}-cert.pub`), 'utf8'));

async function sshKeygen(...args: readonly string[]): Promise<void> {
  const { status, stderr } = await run([...(peer?.program('ssh-keygen') ?? []), ...args], { cwd: folder });
  expect([args.join(' '), status, status === 0 ? '' : stderr]).toEqual([args.join(' '), 0, '']);
}
const makeKey = (name: string, type: string, ...more: readonly string[]) =>
  sshKeygen('-q', '-t', type, ...more, '-N', '', '-C', name, '-f', file(name));

/** `KEY-cert.pub`, for the user demo but for what `more` says. */
const sign = (ca: string, key: string, ...more: readonly string[]) =>
  sshKeygen('-q', '-s', file(ca), '-I', `id of ${key}`, ...more, file(`${key}.pub`));

const TYPES = [
  { type: 'ed25519', bits: [], name: 'ssh-ed25519', certificate: 'ssh-ed25519-cert-v01@openssh.com' },
  {
    type: 'ecdsa',
    bits: ['-b', '384'],
    name: 'ecdsa-sha2-nistp384',
    certificate: 'ecdsa-sha2-nistp384-cert-v01@openssh.com',
  },
  { type: 'rsa', bits: ['-b', '2048'], name: 'rsa-sha2-512', certificate: 'ssh-rsa-cert-v01@openssh.com' },
  { type: 'mldsa44-ed25519', bits: [], name: 'ssh-mldsa44-ed25519', certificate: 'ssh-mldsa44-ed25519-cert' },
] as const;

let server: TestServer;
beforeAll(async () => {
  if (peer !== null) {
    for (const { type, bits } of TYPES) {
      for (const purpose of ['ca', 'user', 'host']) await makeKey(`${purpose}_${type}`, type, ...bits);
    }
    await makeKey('ca_stranger', 'ed25519');
  }
  server = await startTestServer();
}, 120_000);
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What SIGHUP does. */
async function reload(changes: Partial<ConfigInput>): Promise<void> {
  const { config, file: configFile } = server.running.prepared.loaded;
  await server.running.reload(prepareConfig(parseConfig(JSON.stringify({ ...config, ...changes }), configFile)));
}
const trust = (...cas: readonly string[]) => reload({ auth: { trustedUserCaKeys: cas.map(lineOf) } });

/** A login of OpenSSH that may ask nothing, with a key and the certificate beside it. */
function login(key: string, options: Record<string, string> = {}, user = 'demo'): Promise<RunResult> {
  const all = {
    UserKnownHostsFile: server.knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    IdentityFile: file(key),
    CertificateFile: file(`${key}-cert.pub`),
    PreferredAuthentications: 'publickey',
    ...options,
  };
  return run(
    [
      ...(peer?.command ?? []),
      ...['-F', 'none', '-v', '-P', String(server.port), '-b', '-'],
      ...Object.entries(all).flatMap(([option, value]) => ['-o', `${option}=${value}`]),
      `${user}@127.0.0.1`,
    ],
    { input: 'ls /\nls /\n' },
  );
}
const linesOf = (event: string): LogLine[] => server.log.filter((line) => line.event === event);
const lastOf = (event: string): LogLine | undefined => linesOf(event).at(-1);

/** The line of a login that fails, which is written when the connection has ended. */
async function refusal(attempt: () => Promise<unknown>): Promise<LogLine | undefined> {
  const before = linesOf('auth.failure').length;
  await attempt();
  await until(() => linesOf('auth.failure').length > before, 'the log says why');
  return lastOf('auth.failure');
}

async function isRefused(key: string, user = 'demo'): Promise<LogLine | undefined> {
  return refusal(async () => {
    const { status, stderr } = await login(key, {}, user);
    expect([status === 0, stderr]).toEqual([false, expect.stringContaining('Permission denied')]);
  });
}

async function logsIn(key: string, options: Record<string, string> = {}, user = 'demo'): Promise<string> {
  const { status, stderr } = await login(key, options, user);
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  return stderr;
}

describeWithPeer(`user certificates of OpenSSH ${peer?.version ?? '(not installed)'}`, () => {
  test.each(TYPES)('$type: the key and the CA', async ({ type, name, certificate }) => {
    await trust(`ca_${type}`);
    await sign(`ca_${type}`, `user_${type}`, '-n', 'somebody,demo', '-z', '4711', '-V', '-5m:+1h');
    await logsIn(`user_${type}`);
    expect(lastOf('auth.success')).toMatchObject({
      user: 'demo',
      method: 'publickey',
      keyType: certificate,
      signatureAlgorithm: name,
      fingerprint: parseAuthorizedKey(lineOf(`user_${type}`)).fingerprint,
      certificate: {
        serial: '4711',
        keyId: `id of user_${type}`,
        caFingerprint: parseAuthorizedKey(lineOf(`ca_${type}`)).fingerprint,
      },
    });
  });

  test('of a CA that signs for a key of another type, and with rsa-sha2-256', async () => {
    await trust('ca_rsa');
    await sign('ca_rsa', 'user_mldsa44-ed25519', '-t', 'rsa-sha2-256', '-n', 'demo');
    await logsIn('user_mldsa44-ed25519');
    await sign(
      'ca_rsa',
      'user_rsa',
      '-n',
      'demo',
      '-O',
      'force-command=internal-sftp',
      '-O',
      'source-address=127.0.0.0/8',
    );
    await logsIn('user_rsa', { PubkeyAcceptedAlgorithms: 'rsa-sha2-256-cert-v01@openssh.com,rsa-sha2-256' });
    expect(lastOf('auth.success')).toMatchObject({ signatureAlgorithm: 'rsa-sha2-256' });
  });

  test("of a CA that one user trusts, for principals that are the user's", async () => {
    const { config } = server.running.prepared.loaded;
    const { passwordHash } = config.users.find(({ name }) => name === 'demo') ?? {};
    const partner = { name: 'partner', trustedCaKeys: [lineOf('ca_ed25519')], principals: ['ops', 'batch'], home: '/' };
    const other = { name: 'other', home: '/', ...(passwordHash !== undefined && { passwordHash }) };
    await reload({ auth: {}, users: [partner, other] });
    await sign('ca_ed25519', 'user_ed25519', '-n', 'batch,other');
    await logsIn('user_ed25519', {}, 'partner');
    const line = await isRefused('user_ed25519', 'other');
    expect(line).toMatchObject({ user: 'other', reason: 'certificate-ca-not-trusted' });
    await reload({ users: config.users });
  });
});

describeWithPeer('user certificates that are refused', () => {
  beforeAll(async () => {
    await trust('ca_ed25519');
  });

  test.each<[reason: string, options: readonly string[], problem: string | undefined]>([
    ['certificate-expired', ['-n', 'demo', '-V', '20200101Z:20210101Z'], 'valid before 2021-01-01T00:00:00Z'],
    ['certificate-not-yet-valid', ['-n', 'demo', '-V', '20900101Z:20910101Z'], 'valid from 2090-01-01T00:00:00Z on'],
    ['certificate-wrong-principal', ['-n', 'demon'], 'it has demon'],
    ['certificate-without-principals', [], undefined],
    ['certificate-source-address', ['-n', 'demo', '-O', 'source-address=192.0.2.0/24'], 'it has 192.0.2.0/24'],
    ['certificate-force-command', ['-n', 'demo', '-O', 'force-command=/bin/true'], '/bin/true'],
    ['certificate-verify-required', ['-n', 'demo', '-O', 'verify-required'], undefined],
    ['certificate-unknown-option', ['-n', 'demo', '-O', 'critical:odd@example.org=1'], 'odd@example.org'],
  ])('%s', async (reason, options, problem) => {
    await sign('ca_ed25519', 'user_ed25519', '-z', '99', ...options);
    const line = await isRefused('user_ed25519');
    // The key without its certificate was tried, too.
    expect(line).toMatchObject({
      level: 'warn',
      user: 'demo',
      reason,
      keyIsUsers: true,
      keyType: 'ssh-ed25519-cert-v01@openssh.com',
      certificate: { serial: '99', keyId: 'id of user_ed25519' },
    });
    expect((line?.['certificate'] as { problem?: string }).problem).toBe(problem);
  });

  test('certificate-ca-not-trusted', async () => {
    await sign('ca_stranger', 'user_ed25519', '-n', 'demo');
    const line = await isRefused('user_ed25519');
    expect(line).toMatchObject({ reason: 'certificate-ca-not-trusted', keyIsUsers: false });
  });

  test('certificate-revoked: a KRL of ssh-keygen has its serial, and ends a session that is there', async () => {
    await sign('ca_ed25519', 'user_ed25519', '-n', 'demo', '-z', '13');
    const { blob } = certificateOf('user_ed25519');
    const key = parsePrivateKey(readFileSync(file('user_ed25519'), 'utf8'));
    const client = SshTestClient.connect(server.port, { algorithms: MODERN });
    await client.startAuth();
    expect(await client.publicKey('demo', certifiedKey(key, blob), ED25519_CERTIFICATE)).toBe(52);
    writeFileSync(file('serials'), 'serial: 10-20\n');
    await sshKeygen('-q', '-k', '-f', file('krl'), '-s', file('ca_ed25519.pub'), file('serials'));
    await reload({ auth: { trustedUserCaKeys: [lineOf('ca_ed25519')], revokedKeys: [file('krl')] } });
    await client.whenClosed();
    expect(lastOf('session.revoked')).toMatchObject({ user: 'demo', reason: 'revoked-key' });
    const line = await isRefused('user_ed25519');
    expect(line).toMatchObject({ reason: 'certificate-revoked', certificate: { serial: '13' } });
    await sign('ca_ed25519', 'user_ed25519', '-n', 'demo', '-z', '21');
    await logsIn('user_ed25519');
    await trust('ca_ed25519');
  });

  test('not-post-quantum-key: the key would do, and its CA is classical', async () => {
    const trustedUserCaKeys = [lineOf('ca_ed25519'), lineOf('ca_mldsa44-ed25519')];
    await reload({ auth: { trustedUserCaKeys }, requirePostQuantumKey: true });
    await sign('ca_ed25519', 'user_mldsa44-ed25519', '-n', 'demo');
    const line = await refusal(() => login('user_mldsa44-ed25519'));
    expect(line).toMatchObject({
      reason: 'not-post-quantum-key',
      certificate: { caSignatureAlgorithm: 'ssh-ed25519' },
    });
    await sign('ca_mldsa44-ed25519', 'user_ed25519', '-n', 'demo');
    expect(await refusal(() => login('user_ed25519'))).toMatchObject({ reason: 'not-post-quantum-key' });
    await sign('ca_mldsa44-ed25519', 'user_mldsa44-ed25519', '-n', 'demo');
    await logsIn('user_mldsa44-ed25519');
    await reload({ auth: { trustedUserCaKeys: [lineOf('ca_ed25519')] }, requirePostQuantumKey: false });
  });

  // OpenSSH's client does not offer these.
  describe('by a client that offers anything', () => {
    /** The answer's number. */
    async function offer(blob: Buffer): Promise<number> {
      const key = parsePrivateKey(readFileSync(file('user_ed25519'), 'utf8'));
      const client = SshTestClient.connect(server.port, { algorithms: MODERN });
      await client.startAuth();
      const answer = await client.publicKey('demo', certifiedKey(key, blob), ED25519_CERTIFICATE);
      client.end();
      return answer;
    }
    const isRefusedHere = (blob: Buffer) =>
      refusal(async () => {
        expect(await offer(blob)).toBe(51);
      });

    test('as it should be', async () => {
      await sign('ca_ed25519', 'user_ed25519', '-n', 'demo');
      expect(await offer(certificateOf('user_ed25519').blob)).toBe(52);
    });

    test('certificate-not-for-users', async () => {
      await sign('ca_ed25519', 'user_ed25519', '-h', '-n', 'demo');
      const { blob } = certificateOf('user_ed25519');
      expect(await isRefusedHere(blob)).toMatchObject({ reason: 'certificate-not-for-users', keyIsUsers: true });
    });

    test('certificate-wrong-signature: a bit is flipped in what the CA has signed', async () => {
      await sign('ca_ed25519', 'user_ed25519', '-n', 'demo');
      const flipped = Buffer.from(certificateOf('user_ed25519').blob);
      const at = flipped.indexOf('id of user_ed25519');
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      expect(await isRefusedHere(flipped)).toMatchObject({ reason: 'certificate-wrong-signature', keyIsUsers: false });
    });
  });
});

/** A known_hosts file that knows a CA, and no key. */
function knownCa(ca: string): string {
  const known = file(`known-${ca}`);
  writeFileSync(known, `@cert-authority [127.0.0.1]:${server.port} ${lineOf(ca)}\n`);
  return known;
}

describeWithPeer('host certificates', () => {
  const serve = (...types: readonly string[]) =>
    reload({
      hostKeys: types.map((type) => file(`host_${type}`)),
      hostCertificates: types.map((type) => file(`host_${type}-cert.pub`)),
    });

  test.each(TYPES)(
    '$type: a client that knows the CA alone, and a certificate of the user',
    async ({ type, certificate }) => {
      const [ca, host, user] = [`ca_${type}`, `host_${type}`, `user_${type}`];
      await trust(ca);
      await sign(ca, host, '-h', '-n', '127.0.0.1', '-V', '-5m:+1h');
      await sign(ca, user, '-n', 'demo');
      await serve(type);
      // OpenSSH 10.6 does not believe a CA of this type by itself.
      const stderr = await logsIn(user, {
        UserKnownHostsFile: knownCa(ca),
        ...(type === 'mldsa44-ed25519' && { CASignatureAlgorithms: '+ssh-mldsa44-ed25519' }),
      });
      expect(stderr).toContain(`Server host certificate: ${certificate} `);
      const expected = type === 'rsa' ? 'rsa-sha2-512-cert-v01@openssh.com' : certificate;
      expect(stderr).toContain(`kex: host key algorithm: ${expected}`);
      expect(lastOf('session.negotiated')).toMatchObject({ kex: { hostKey: expected } });
      expect(lastOf('auth.success')).toMatchObject({ keyType: certificate });
    },
  );

  test('a client that pins the key itself finds it in the certificate', async () => {
    await trust('ca_ed25519');
    await sign('ca_ed25519', 'host_ed25519', '-h', '-n', '127.0.0.1');
    await sign('ca_ed25519', 'user_ed25519', '-n', 'demo');
    await serve('ed25519');
    const known = file('known-plain');
    writeFileSync(known, `[127.0.0.1]:${server.port} ${lineOf('host_ed25519')}\n`);
    const stderr = await logsIn('user_ed25519', { UserKnownHostsFile: known });
    expect(stderr).toContain('is known and matches the ED25519 host key');
  });

  test('a client that knows another CA refuses', async () => {
    const { status, stderr } = await login('user_ed25519', { UserKnownHostsFile: knownCa('ca_stranger') });
    expect(status).not.toBe(0);
    expect(stderr).toContain('Host key verification failed');
  });

  test.each(['rsa-sha2-512', 'rsa-sha2-256'])(
    'a client that pins an RSA key and sees its certificate learns another one, proved with %s',
    async (algorithm) => {
      await trust('ca_rsa');
      await sign('ca_rsa', 'host_rsa', '-h', '-n', '127.0.0.1');
      await sign('ca_rsa', 'user_rsa', '-n', 'demo');
      // Any other RSA key does for a second one.
      const hostKeys = [file('host_rsa'), file('user_rsa')];
      await reload({ hostKeys, hostCertificates: [file('host_rsa-cert.pub')] });
      const known = file(`known-${algorithm}`);
      writeFileSync(known, `[127.0.0.1]:${server.port} ${lineOf('host_rsa')}\n`);
      const stderr = await logsIn('user_rsa', {
        UserKnownHostsFile: known,
        UpdateHostKeys: 'yes',
        HostKeyAlgorithms: `${algorithm}-cert-v01@openssh.com,rsa-sha2-512,rsa-sha2-256`,
      });
      expect(stderr).toContain(`kex: host key algorithm: ${algorithm}-cert-v01@openssh.com`);
      expect(readFileSync(known, 'utf8')).toContain(lineOf('user_rsa').split(' ')[1]);
    },
  );
});
