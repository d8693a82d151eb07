// Which host certificates a start takes, leaves out and refuses; and where they stand in the list of algorithms.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parseCertificate } from '../../src/crypto/certificates/certificate.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
import { loadHostCertificates } from '../../src/server/host-certificates.ts';
import { probe } from '../../src/cli/probe/probe.ts';
import { hostCredentialFor, withHostCertificates } from '../../src/transport/host-credential.ts';
import { FOREVER, makeCertificate, type CertificateFields } from '../crypto/certificates/make-certificate.ts';
import { startTestServer } from './test-server.ts';

const privateKey = (type: Parameters<typeof generatePrivateKey>[0]) =>
  parsePrivateKey(generatePrivateKey(type, type === 'rsa' ? 2048 : undefined).privateKey);
const ca = privateKey('ed25519');
const rsaCa = privateKey('rsa');
const ed25519 = privateKey('ed25519');
const rsa = privateKey('rsa');
const NOW = 1_800_000_000n;

const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-host-certificates-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function certificateFile(fields: Partial<CertificateFields> = {}, by = ca, key = ed25519): Promise<string> {
  const blob = await makeCertificate(key.publicKey, by, { role: 'host', principals: ['sftp.example.org'], ...fields });
  return written(`${parseCertificate(blob).type} ${blob.toString('base64')} comment\n`);
}
let files = 0;
function written(text: string): string {
  files += 1;
  const file = path.join(folder, `certificate-${files}.pub`);
  writeFileSync(file, text);
  return file;
}
const load = (...names: string[]) =>
  loadHostCertificates(names, [rsa, ed25519], 'latticeport.json', Number(NOW) * 1000);

describe('a host certificate', () => {
  test('that is as it should be is taken, with the key that it is for', async () => {
    const { hostCertificates, warnings } = load(
      await certificateFile({ validAfter: NOW, validBefore: NOW + 1n }),
      await certificateFile({ validBefore: FOREVER }, rsaCa, rsa),
    );
    expect(hostCertificates.map(({ certificate, hostKey }) => [certificate.type, hostKey])).toEqual([
      ['ssh-ed25519-cert-v01@openssh.com', ed25519],
      ['ssh-rsa-cert-v01@openssh.com', rsa],
    ]);
    expect(warnings).toEqual([]);
  });

  test.each<[string, Partial<CertificateFields>, RegExp]>([
    ['whose time is over', { validBefore: NOW }, /has expired \(2027-01-15T08:00:00Z\): it is not used/],
    ['whose time has not come', { validAfter: NOW + 1n }, /is valid from 2027-01-15T08:00:01Z on: it is not used/],
  ])('%s is left out with a warning', async (_what, fields, message) => {
    const file = await certificateFile(fields);
    const { hostCertificates, warnings } = load(await certificateFile(), file);
    expect(hostCertificates).toHaveLength(1);
    expect(warnings.map(({ message: text }) => text)).toEqual([expect.stringMatching(message)]);
    expect(warnings[0]).toMatchObject({ jsonPath: '$.hostCertificates[1]' });
    expect(warnings[0]?.message).toContain(file);
  });

  test('without principals is taken with a warning', async () => {
    const { hostCertificates, warnings } = load(await certificateFile({ principals: [] }));
    expect(hostCertificates).toHaveLength(1);
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('has no principals')]);
  });

  test.each<[string, () => Promise<string>, RegExp]>([
    ['for users', () => certificateFile({ role: 'user' }), /is a certificate for users/],
    ['of a key that is not there', () => certificateFile({}, ca, privateKey('ed25519')), /none of "hostKeys"/],
    ['with the name of another CA', () => certificateFile({ caKeyBlob: rsaCa.publicKey.blob }), /signature of its CA/],
    ['signed with SHA-1', () => certificateFile({ caAlgorithm: 'ssh-rsa' }, rsaCa), /signature of its CA/],
    [
      'of a CA whose key is none',
      () => certificateFile({ caKeyBlob: Buffer.concat([ca.publicKey.blob, Buffer.of(0)]) }),
      /signature of its CA/,
    ],
    ['that is a key', () => Promise.resolve(written('ssh-ed25519 AAAA')), /not a certificate/],
    ['that is not there', () => Promise.resolve(path.join(folder, 'nothing')), /cannot be read: ENOENT/],
  ])('%s ends the start', async (_what, make, message) => {
    const file = await make();
    expect(() => load(file)).toThrow(ConfigError);
    expect(() => load(file)).toThrow(message);
    expect(() => load(file)).toThrow('$.hostCertificates[0]');
  });
});

describe('the list of host key algorithms', () => {
  const certificate = async (key: typeof rsa) => ({
    certificate: parseCertificate(await makeCertificate(key.publicKey, ca, { role: 'host' })),
    hostKey: key,
  });

  test('has each name of a certificate before the plain one, where the policy has that', async () => {
    const list = ['rsa-sha2-256', 'rsa-sha2-512', 'ecdsa-sha2-nistp256', 'ssh-ed25519'];
    expect(withHostCertificates(list, [])).toEqual(list);
    expect(withHostCertificates(list, [await certificate(rsa)])).toEqual([
      'rsa-sha2-256-cert-v01@openssh.com',
      'rsa-sha2-256',
      'rsa-sha2-512-cert-v01@openssh.com',
      'rsa-sha2-512',
      'ecdsa-sha2-nistp256',
      'ssh-ed25519',
    ]);
    expect(withHostCertificates(['ssh-ed25519'], [await certificate(rsa), await certificate(ed25519)])).toEqual([
      'ssh-ed25519-cert-v01@openssh.com',
      'ssh-ed25519',
    ]);
  });

  test('leads to the certificate or the key, and to what signs', async () => {
    const of = await certificate(rsa);
    const answer = (name: string) => hostCredentialFor(name, [ed25519, rsa], [of]);
    expect(answer('rsa-sha2-256-cert-v01@openssh.com')).toEqual({
      hostKey: rsa,
      hostKeyBlob: of.certificate.blob,
      signatureAlgorithm: 'rsa-sha2-256',
    });
    expect(answer('rsa-sha2-256')).toMatchObject({ hostKeyBlob: rsa.publicKey.blob });
    expect(() => answer('ssh-ed25519-cert-v01@openssh.com')).toThrow('no host certificate');
  });
});

test('probe tries a server with certificates by its plain keys', async () => {
  const keyFile = path.join(folder, 'host_key');
  const { privateKey: text } = generatePrivateKey('ed25519');
  writeFileSync(keyFile, text, { mode: 0o600 });
  const { publicKey } = parsePrivateKey(text);
  const blob = await makeCertificate(publicKey, ca, { role: 'host' });
  const hostCertificates = [written(`ssh-ed25519-cert-v01@openssh.com ${blob.toString('base64')}`)];
  const server = await startTestServer({ hostKeys: [keyFile], hostCertificates });
  try {
    const { port } = server;
    const report = await probe({ host: '127.0.0.1', port, ourVersion: 'SSH-2.0-Probe_1', timeoutMs: 20_000 });
    expect(report.offer.hostKeys).toEqual(['ssh-ed25519-cert-v01@openssh.com', 'ssh-ed25519']);
    expect(report.hostKeys).toMatchObject([{ algorithm: 'ssh-ed25519', fingerprint: publicKey.fingerprint }]);
    expect(report.verdict).toMatch(/^quantum-safe/);
  } finally {
    await server.stop();
  }
});
