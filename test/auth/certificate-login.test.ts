// What becomes of a certificate in a login, and what the client and the operator are told of it.
import { afterEach, describe, expect, test } from '@jest/globals';
import type { FailureReason } from '../../src/auth/failure-reasons.ts';
import type { CertificateTrust, IdentityProvider } from '../../src/auth/identity.ts';
import { MAX_KEY_QUERIES } from '../../src/auth/limits.ts';
import { decodeUserAuthPkOk, encodeUserAuthFailure, SSH_MSG_USERAUTH } from '../../src/auth/messages.ts';
import type { SignatureAlgorithm } from '../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import type { RevocableCertificate } from '../../src/crypto/keys/revocation-list.ts';
import { until } from '../transport/transport-pair.ts';
import { makeCertificate, option, type CertificateFields } from '../crypto/certificates/make-certificate.ts';
import { alice, cancelLogins, found, Login, type LoginOptions } from './login.ts';

const { FAILURE, SUCCESS, PK_OK } = SSH_MSG_USERAUTH;
const REFUSAL = encodeUserAuthFailure({ methods: ['publickey', 'password'], partialSuccess: false });
const ED25519 = 'ssh-ed25519-cert-v01@openssh.com';

const privateKey = (type: Parameters<typeof generatePrivateKey>[0]) =>
  parsePrivateKey(generatePrivateKey(type, type === 'rsa' ? 2048 : undefined).privateKey);
const ca = privateKey('ed25519');
const rsaCa = privateKey('rsa');
const otherCa = privateKey('ed25519');
const key = privateKey('ed25519');
const rsa = privateKey('rsa');

/** Seconds and milliseconds since the epoch. */
const NOW = 1_800_000_000n;
const now = (): number => Number(NOW) * 1000;

const trust = (fields: Partial<CertificateTrust> = {}): CertificateTrust => ({
  caKeys: [ca.publicKey, rsaCa.publicKey],
  principals: ['alice'],
  ...fields,
});

/** `bob` trusts another CA; `carol` trusts none. */
const users: IdentityProvider = {
  findCa: (blob) => [ca, rsaCa, otherCa].find(({ publicKey }) => publicKey.blob.equals(blob))?.publicKey,
  find: (name) =>
    Promise.resolve(
      name === 'alice'
        ? alice({ certificates: trust() })
        : name === 'bob'
          ? alice({ name, certificates: { caKeys: [otherCa.publicKey], principals: ['alice', 'bob'] } })
          : name === 'carol'
            ? alice({ name })
            : null,
    ),
};
const ALGORITHMS: readonly SignatureAlgorithm[] = ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'];
const login = (options: LoginOptions = {}): Login =>
  new Login(users, { now, userKeyAlgorithms: ALGORITHMS, ...options });

afterEach(cancelLogins);

describe('a certificate of a CA that the user trusts', () => {
  test('is asked about, then signed with: a login, with what the log needs', async () => {
    const blob = await makeCertificate(key.publicKey, ca, {
      serial: 12345678901234567890n,
      principals: ['x', 'alice'],
    });
    const client = login();
    client.query(ED25519, blob);
    await client.answered();
    expect(decodeUserAuthPkOk(client.payloads[0] ?? Buffer.alloc(0))).toEqual({ algorithm: ED25519, blob });
    await client.sign(key, 'ssh-ed25519', { blob, algorithmName: ED25519 });
    await client.answered(2);
    expect(client.sent).toEqual([PK_OK, SUCCESS]);
    expect(client.successes).toMatchObject([
      {
        method: 'publickey',
        publicKey: { fingerprint: key.publicKey.fingerprint },
        signatureAlgorithm: 'ssh-ed25519',
        certificate: {
          serial: 12345678901234567890n,
          keyId: 'the key of alice',
          caFingerprint: ca.publicKey.fingerprint,
        },
      },
    ]);
    expect(client.failures).toEqual([]);
  });

  test.each<SignatureAlgorithm>(['rsa-sha2-512', 'rsa-sha2-256'])(
    'of an RSA key, which signs with %s',
    async (name) => {
      const blob = await makeCertificate(rsa.publicKey, rsaCa, { caAlgorithm: 'rsa-sha2-256' });
      const client = login();
      await client.sign(rsa, name, { blob, algorithmName: `${name}-cert-v01@openssh.com` });
      await client.answered();
      expect(client.sent).toEqual([SUCCESS]);
      expect(client.successes).toMatchObject([{ signatureAlgorithm: name }]);
    },
  );

  test('with options and extensions that are met or of no matter', async () => {
    const blob = await makeCertificate(key.publicKey, ca, {
      criticalOptions: [
        option('force-command', 'internal-sftp'),
        option('source-address', '198.51.100.0/24,192.0.2.0/28'),
      ],
      extensions: [option('permit-pty'), option('nobody-knows@example.org', 'x')],
      validAfter: NOW,
      validBefore: NOW + 1n,
    });
    const client = login();
    await client.sign(key, 'ssh-ed25519', { blob, algorithmName: ED25519 });
    await client.answered();
    expect(client.sent).toEqual([SUCCESS]);
  });
});

describe('a certificate is refused', () => {
  const bad = Buffer.from([0, 0, 0, 9, 0]);

  test.each<[FailureReason, Partial<CertificateFields>, string | undefined]>([
    ['certificate-expired', { validBefore: NOW }, 'valid before 2027-01-15T08:00:00Z'],
    ['certificate-not-yet-valid', { validAfter: NOW + 1n }, 'valid from 2027-01-15T08:00:01Z on'],
    ['certificate-without-principals', { principals: [] }, undefined],
    ['certificate-wrong-principal', { principals: ['Alice', 'bob', ''] }, 'it has Alice, bob, '],
    ['certificate-not-for-users', { role: 'host' }, undefined],
    [
      'certificate-source-address',
      { criticalOptions: [option('source-address', '198.51.100.0/24')] },
      'it has 198.51.100.0/24',
    ],
    ['certificate-source-address', { criticalOptions: [option('source-address', 'everywhere')] }, 'malformed list'],
    ['certificate-source-address', { criticalOptions: [['source-address', bad]] }, 'malformed list'],
    ['certificate-force-command', { criticalOptions: [option('force-command', '/bin/sh')] }, '/bin/sh'],
    [
      'certificate-force-command',
      { criticalOptions: [option('force-command', 'internal-sftp -l INFO')] },
      'internal-sftp -l INFO',
    ],
    ['certificate-force-command', { criticalOptions: [option('force-command')] }, 'malformed'],
    ['certificate-verify-required', { criticalOptions: [option('verify-required')] }, undefined],
    [
      'certificate-unknown-option',
      { criticalOptions: [option('no-such-thing@example.org')] },
      'no-such-thing@example.org',
    ],
    [
      'certificate-unknown-option',
      { criticalOptions: [option('force-command', 'internal-sftp'), option('permit-pty')] },
      'permit-pty',
    ],
    ['certificate-ca-not-trusted', { caKeyBlob: privateKey('ed25519').publicKey.blob }, undefined],
    ['certificate-wrong-signature', { caKeyBlob: otherCa.publicKey.blob }, 'signed with ssh-ed25519'],
    ['bad-certificate', { trailing: Buffer.of(0) }, undefined],
    ['bad-certificate', { role: 9 }, undefined],
  ])('%s: %j', async (reason, fields, problem) => {
    const blob = await makeCertificate(key.publicKey, ca, fields);
    const client = login();
    client.query(ED25519, blob);
    await client.sign(key, 'ssh-ed25519', { blob, algorithmName: ED25519 });
    await client.answered(2);
    // The client is told nothing but that it was refused, like anybody else.
    expect(client.payloads).toEqual([REFUSAL, REFUSAL]);
    expect(client.failures).toHaveLength(2);
    for (const failure of client.failures) {
      expect(failure).toMatchObject({ userName: 'alice', reason, key: { algorithm: ED25519 } });
      expect(failure.key?.certificate?.problem).toBe(problem);
    }
  });

  test('with a signature that is not that of the CA: each counts as an attempt, since it costs one to verify', async () => {
    const blob = await makeCertificate(key.publicKey, ca, { caKeyBlob: otherCa.publicKey.blob });
    const client = login({ maxAttempts: 3 });
    for (let query = 0; query < 5; query += 1) client.query(ED25519, blob);
    await until(() => client.ends.length > 0, 'the connection ends');
    expect(client.failures).toHaveLength(3);
  });

  test('with a CA that signs with SHA-1, or with what the policy has not', async () => {
    const sha1 = await makeCertificate(key.publicKey, rsaCa, { caAlgorithm: 'ssh-rsa' });
    const sha256 = await makeCertificate(key.publicKey, rsaCa, { caAlgorithm: 'rsa-sha2-256' });
    const reasons: unknown[] = [];
    for (const [blob, userKeyAlgorithms] of [
      [sha1, [...ALGORITHMS, 'ssh-rsa']],
      [sha256, ['ssh-ed25519', 'rsa-sha2-512']],
      [sha256, ALGORITHMS],
    ] as const) {
      const client = login({ userKeyAlgorithms });
      await client.sign(key, 'ssh-ed25519', { blob, algorithmName: ED25519 });
      await client.answered();
      reasons.push(client.failures[0]?.reason ?? client.sent[0]);
    }
    expect(reasons).toEqual(['certificate-wrong-signature', 'certificate-wrong-signature', SUCCESS]);
  });

  test('under an algorithm that the policy has not', async () => {
    const blob = await makeCertificate(key.publicKey, ca);
    const client = login({ userKeyAlgorithms: ['rsa-sha2-512'] });
    client.query(ED25519, blob);
    await client.answered();
    expect(client.failures).toMatchObject([{ reason: 'algorithm-not-allowed', keyIsUsers: false }]);
  });

  test('where the algorithm is that of a key, or of another type', async () => {
    const blob = await makeCertificate(key.publicKey, ca);
    const client = login();
    client.query('ssh-ed25519', blob);
    client.query('rsa-sha2-512-cert-v01@openssh.com', blob);
    client.query(ED25519, key.publicKey.blob);
    await client.answered(3);
    expect(client.payloads).toEqual([REFUSAL, REFUSAL, REFUSAL]);
    expect(client.failures.map(({ reason }) => reason)).toEqual(['bad-key', 'bad-certificate', 'bad-certificate']);
  });

  test('with a signature that is not of its key', async () => {
    const blob = await makeCertificate(key.publicKey, ca);
    const client = login();
    await client.sign(otherCa, 'ssh-ed25519', { blob, algorithmName: ED25519 });
    await client.answered();
    expect(client.failures).toMatchObject([
      { reason: 'wrong-signature', keyIsUsers: true, key: { certificate: { serial: '5' } } },
    ]);
  });

  test('the log does not grow with what is in it', async () => {
    const blob = await makeCertificate(key.publicKey, ca, { keyId: 'x'.repeat(5000), principals: ['y'.repeat(5000)] });
    const client = login();
    client.query(ED25519, blob);
    await client.answered();
    const certificate = client.failures[0]?.key?.certificate;
    expect([certificate?.keyId.length, certificate?.problem?.length]).toEqual([200, 200]);
  });
});

describe('whose CA it is', () => {
  test('that of one user opens no other account', async () => {
    const blob = await makeCertificate(key.publicKey, otherCa, { principals: ['alice', 'bob'] });
    const reasons: unknown[] = [];
    for (const userName of ['alice', 'carol', 'nobody', 'bob']) {
      const client = login({ userName });
      await client.sign(key, 'ssh-ed25519', { blob, algorithmName: ED25519 });
      await client.answered();
      reasons.push(client.failures[0]?.reason ?? client.sent[0]);
      if (userName !== 'bob') expect(client.payloads).toEqual([REFUSAL]);
    }
    expect(reasons).toEqual(['certificate-ca-not-trusted', 'certificate-ca-not-trusted', 'unknown-user', SUCCESS]);
  });

  test('the principals of a user need not be its name', async () => {
    const blob = await makeCertificate(key.publicKey, ca, { principals: ['partners'] });
    const certificates = trust({ principals: ['staff', 'partners'] });
    const client = new Login(
      { ...users, find: () => Promise.resolve(alice({ certificates })) },
      { now, userKeyAlgorithms: ALGORITHMS },
    );
    await client.sign(key, 'ssh-ed25519', { blob, algorithmName: ED25519 });
    await client.answered();
    expect(client.sent).toEqual([SUCCESS]);
  });

  test('a provider that knows no CA takes no certificate, whatever its users say', async () => {
    const blob = await makeCertificate(key.publicKey, ca);
    const client = new Login({ find: (name, context) => users.find(name, context) }, { now });
    client.query(ED25519, blob);
    await client.answered();
    expect(client.failures).toMatchObject([{ reason: 'certificate-ca-not-trusted', keyIsUsers: false }]);
  });
});

describe('revoked', () => {
  test.each(['a certificate', 'a plain key'])('while %s is let in: it is not', async (kind) => {
    let revoked = false;
    const revokedKeys = { revokesKey: () => revoked, revokesCertificate: () => revoked };
    const admit = (): boolean => {
      revoked = true;
      return true;
    };
    const blob = await makeCertificate(key.publicKey, ca);
    const client =
      kind === 'a certificate'
        ? login({ revokedKeys, admit })
        : new Login(found(alice({ publicKeys: [key.publicKey] })), { revokedKeys, admit });
    if (kind === 'a certificate') await client.sign(key, 'ssh-ed25519', { blob, algorithmName: ED25519 });
    else await client.sign(key, 'ssh-ed25519');
    await client.answered();
    expect(client.successes).toEqual([]);
    expect(client.failures).toMatchObject([
      { reason: kind === 'a certificate' ? 'certificate-revoked' : 'revoked-key', key: { algorithm: 'ssh-ed25519' } },
    ]);
    expect(client.ends).toMatchObject([{ message: 'this key has been revoked' }]);
  });

  test('it is asked about with all that a list can name, and refused', async () => {
    const blob = await makeCertificate(key.publicKey, ca, { serial: 7n });
    const asked: RevocableCertificate[] = [];
    const client = login({
      revokedKeys: {
        revokesKey: () => false,
        revokesCertificate: (certificate) => {
          asked.push(certificate);
          return certificate.serial === 7n;
        },
      },
    });
    client.query(ED25519, blob);
    await client.answered();
    expect(client.failures).toMatchObject([{ reason: 'certificate-revoked', keyIsUsers: true }]);
    expect(asked).toEqual([
      {
        caKeyBlob: ca.publicKey.blob,
        serial: 7n,
        keyId: 'the key of alice',
        keyBlob: key.publicKey.blob,
        certificateBlob: blob,
      },
    ]);
    await client.sign(key, 'ssh-ed25519', {
      blob: await makeCertificate(key.publicKey, ca, { serial: 8n }),
      algorithmName: ED25519,
    });
    await client.answered(2);
    expect(client.sent).toEqual([FAILURE, SUCCESS]);
  });
});

test('certificates that do not log in are bounded like keys', async () => {
  const blob = await makeCertificate(key.publicKey, ca, { validBefore: NOW });
  const client = login();
  for (let i = 1; i <= MAX_KEY_QUERIES + 1; i += 1) {
    client.query(ED25519, blob);
    await client.answered(i);
  }
  await until(() => client.ends.length > 0, 'the connection is ended');
  expect(client.sent).toEqual(Array.from({ length: MAX_KEY_QUERIES }, () => FAILURE));
});
