import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { certificateHosts, ownCertificate } from '../../src/management/own-certificate.ts';
import { keyExchange, postQuantumGroups } from '../../src/tls/groups.ts';
import { handshake } from '../../src/tls/handshake.ts';
import { selfSigned } from '../../src/tls/self-signed.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { API_CLIENTS } from './api-clients.ts';
import { listening, SERVER_ID } from './api-doubles.ts';
import { EXAMPLE_KEY } from './sign-request.ts';

const HOSTS = ['localhost', '127.0.0.1', '::1', '2001:db8::10.0.0.1', 'sftp.example.org', '*.example.org'];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'latticeport-certificate-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('the certificate', () => {
  test('is for its hosts, of itself, and no authority', () => {
    const made = ownCertificate(directory, { hosts: HOSTS });
    const certificate = new X509Certificate(readFileSync(made.certificateFile));
    expect(made).toMatchObject({ isNew: true, fingerprint: certificate.fingerprint256 });
    expect(certificate.issuer).toBe(certificate.subject);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(made.keyFile)))).toBe(true);
    expect(certificate.ca).toBe(false);
    for (const address of ['127.0.0.1', '::1', '2001:db8::a00:1']) expect(certificate.checkIP(address)).toBeDefined();
    for (const name of ['localhost', 'sftp.example.org', 'a.example.org'])
      expect(certificate.checkHost(name)).toBeDefined();
    for (const name of ['example.com', 'a.b.example.org']) expect(certificate.checkHost(name)).toBeUndefined();
    expect(certificate.checkIP('127.0.0.2')).toBeUndefined();
  });

  test('has a key that only its owner reads', () => {
    const { keyFile, certificateFile } = ownCertificate(directory, { hosts: HOSTS });
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(statSync(certificateFile).mode & 0o777).toBe(0o644);
  });

  test('stays, and is made anew where both files are gone', () => {
    const first = ownCertificate(directory, { hosts: HOSTS });
    const second = ownCertificate(directory, { hosts: ['localhost'] });
    expect(second).toEqual({ ...first, isNew: false });
    unlinkSync(first.keyFile);
    expect(() => ownCertificate(directory, { hosts: HOSTS })).toThrow('management-api.key is missing: delete');
    unlinkSync(first.certificateFile);
    const third = ownCertificate(directory, { hosts: HOSTS });
    expect(third).toMatchObject({ isNew: true });
    expect(third.fingerprint).not.toBe(first.fingerprint);
  });

  test('is made for the key that a start has left which was killed before it', () => {
    const { keyFile, certificateFile } = ownCertificate(directory, { hosts: HOSTS });
    const key = readFileSync(keyFile);
    unlinkSync(certificateFile);
    expect(ownCertificate(directory, { hosts: HOSTS })).toMatchObject({ isNew: true });
    expect(readFileSync(keyFile)).toEqual(key);
    expect(new X509Certificate(readFileSync(certificateFile)).checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(readdirSync(directory).toSorted()).toEqual(['management-api.crt', 'management-api.key']);
  });

  test('is not made for a key of another kind', () => {
    const { keyFile, certificateFile } = ownCertificate(directory, { hosts: HOSTS });
    unlinkSync(certificateFile);
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(() => ownCertificate(directory, { hosts: HOSTS })).toThrow('not one of P-256');
  });

  test('is for this machine, too, and says for which hosts it is not', () => {
    expect(ownCertificate(directory, { hosts: ['a.example.org', '*.example.com', '192.0.2.1'] }).missingHosts).toEqual(
      [],
    );
    const hosts = ['b.example.org', '*.example.com', '192.0.2.1', '192.0.2.2', 'fe80::1%eth0', 'localhost', '::1'];
    expect(ownCertificate(directory, { hosts }).missingHosts).toEqual(['b.example.org', '192.0.2.2', 'fe80::1%eth0']);
  });

  test.each([
    ['0.0.0.0', ['x.example.org']],
    ['::', ['x.example.org']],
    ['no_name', ['x.example.org']],
    ['192.0.2.1', ['192.0.2.1', 'x.example.org']],
    ['x.example.org', ['x.example.org']],
  ])('of a listener on %s', (host, hosts) => {
    expect(certificateHosts(host, ['x.example.org'])).toEqual(hosts);
  });

  test.each(['', 'a b', '-x', 'x.', 'a..b', 'x\u0000.org', 'ü.org', `${'a'.repeat(260)}.org`])(
    'is not for %j',
    (host) => {
      expect(() => ownCertificate(directory, { hosts: [host] })).toThrow(RangeError);
    },
  );

  test('before and after 2050', () => {
    const notBefore = new Date('2049-12-31T23:59:59Z');
    const notAfter = new Date('2050-01-01T00:00:00Z');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = selfSigned({ privateKey, hosts: ['localhost'], commonName: 'x', notBefore, notAfter });
    const { validFrom, validTo } = new X509Certificate(certificate);
    expect([new Date(validFrom), new Date(validTo)]).toEqual([notBefore, notAfter]);
  });

  const openssl = findPeer('openssl-machine');
  const tried = openssl === null ? test.skip : test;
  const missing = openssl === null ? ` (${String(missingPeer('openssl-machine'))})` : '';
  tried(`stands OpenSSL's strict verification${missing}`, () => {
    const { certificateFile: file } = ownCertificate(directory, { hosts: HOSTS });
    const [program = '', ...first] = openssl!.command;
    const checks = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'localhost'];
    const said = execFileSync(program, [...first, 'verify', ...checks, '-CAfile', file, file], { encoding: 'utf8' });
    expect(said).toContain(': OK');
  });
});

describe('the listener over TLS', () => {
  test('answers those who trust the certificate, also after another one has taken its place', async () => {
    const files = ownCertificate(directory, { hosts: HOSTS });
    const other = ownCertificate(path.join(directory, 'other'), { hosts: HOSTS });
    const material = ({ certificateFile, keyFile }: typeof files) => ({
      context: { cert: readFileSync(certificateFile), key: readFileSync(keyFile), ...keyExchange('prefer') },
      clientCertificates: false,
    });
    await using api = await listening({ tls: material(files) });
    const statusBy = (caFile: string): Promise<number | string> =>
      new Promise((resolve) => {
        const options = { host: '127.0.0.1', port: api.port, ca: readFileSync(caFile), agent: false };
        get(options, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        }).on('error', (error: NodeJS.ErrnoException) => {
          resolve(error.code ?? '');
        });
      });
    expect(await statusBy(files.certificateFile)).toBe(405);
    expect(await statusBy(other.certificateFile)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    api.listener.useCertificate(material(other));
    expect(await statusBy(other.certificateFile)).toBe(405);
  });

  const isPostQuantum = postQuantumGroups().length > 0;
  (isPostQuantum ? test : test.skip)(
    '"require" refuses a client that is not post-quantum, and tells the operator',
    async () => {
      const { certificateFile, keyFile } = ownCertificate(directory, { hosts: HOSTS });
      const ca = readFileSync(certificateFile);
      const context = { cert: ca, key: readFileSync(keyFile), ...keyExchange('require') };
      await using api = await listening({ tls: { context, clientCertificates: false } });
      const target = { host: '127.0.0.1', port: api.port };
      await expect(handshake({ ...target, context: { ca, ecdhCurve: 'X25519' } })).rejects.toThrow();
      expect(await handshake({ ...target, context: { ca } })).toMatchObject({ authorized: true, postQuantum: true });
      expect(api.lines).toContainEqual(expect.objectContaining({ event: 'management.client-refused', level: 'warn' }));
    },
  );

  const boto3 = API_CLIENTS.find(({ name }) => name === 'boto3')!;
  const missing = missingPeer('boto3');
  const tried = missing === null ? test : test.skip;
  tried(`boto3 trusts it by AWS_CA_BUNDLE${missing === null ? '' : ` (${missing})`}`, async () => {
    const { certificateFile, keyFile } = ownCertificate(directory, { hosts: HOSTS });
    const context = { cert: readFileSync(certificateFile), key: readFileSync(keyFile), ...keyExchange('prefer') };
    await using api = await listening({ tls: { context, clientCertificates: false } });
    const target = { endpoint: `https://localhost:${api.port}`, key: EXAMPLE_KEY, caFile: certificateFile };
    expect(await boto3.call(target, 'StopServer', { ServerId: SERVER_ID })).toEqual({ output: {} });
  });
});
