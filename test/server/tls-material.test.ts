// TLS settings that cannot work are mistakes of the configuration, told before any port opens.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { parseConfig } from '../../src/config/load.ts';
import type { ConfigError } from '../../src/policy/config-error.ts';
import { checkTls, listenerTls, storeTls } from '../../src/server/tls-material.ts';
import { TestAuthority, writeCertificate } from '../tls/certificates.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-tls-'));
const authority = new TestAuthority();
const good = writeCertificate(folder, authority.issue());
const other = writeCertificate(folder, authority.issue(), 'other');
const file = path.join(folder, 'own.json');

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string, mode = 0o600): string {
  const target = path.join(folder, name);
  writeFileSync(target, text);
  chmodSync(target, mode);
  return name;
}

const caFile = write('ca.crt', authority.certificate, 0o644);

/** What is wrong with a configuration, at which path; null where nothing is. */
function problem(config: { storage?: object; metrics?: object }): readonly [string, string] | null {
  const S3 = { type: 's3', bucket: 'some-bucket', endpoint: 'https://store.example' };
  const storage = config.storage === undefined ? { type: 'memory' } : { ...S3, ...config.storage };
  try {
    checkTls(parseConfig(JSON.stringify({ hostKeys: ['x'], ...config, storage }), file));
    return null;
  } catch (error) {
    const { name, jsonPath, problems, file: named } = error as ConfigError;
    expect([name, named]).toEqual(['ConfigError', file]);
    return [jsonPath, problems[0]?.problem ?? ''];
  }
}

const certificate = { certificateFile: 'server.crt', keyFile: 'server.key' };

test('what is right is read, with names relative to the file', () => {
  expect(problem({ storage: { tls: { caFile, ...certificate, postQuantum: 'require' } } })).toBeNull();
  expect(problem({ metrics: { tls: { ...certificate, clientCaFile: caFile } } })).toBeNull();
  expect(problem({ storage: { endpoint: undefined, tls: { postQuantum: 'require' } } })).toBeNull();
  const store = storeTls({ tls: { postQuantum: 'require', caFile: path.join(folder, caFile), ...good } }, file);
  expect(store).toMatchObject({
    encryptedOnly: true,
    context: { minVersion: 'TLSv1.3', key: expect.any(String) as unknown },
  });
  expect(store.context.ca).toHaveLength(1);
  expect(listenerTls({ postQuantum: 'prefer', ...good }, file, '$.x')).toMatchObject({
    clientCertificates: false,
    context: { ecdhCurve: expect.stringMatching(/^\?\*X25519MLKEM768:.*X25519/) as unknown },
  });
});

describe('an endpoint without TLS', () => {
  test.each([
    [{ postQuantum: 'require' }, 'tls.postQuantum'],
    [{ caFile }, 'tls.caFile'],
    [certificate, 'tls.certificateFile'],
  ])('%j', (tls, setting) => {
    const found = problem({ storage: { endpoint: 'http://127.0.0.1:9000', tls } });
    expect(found?.[0]).toBe('$.storage.endpoint');
    expect(found?.[1]).toContain(`"${setting}" needs TLS`);
  });

  test('is right with the default', () => {
    expect(problem({ storage: { endpoint: 'http://127.0.0.1:9000' } })).toBeNull();
    expect(problem({ storage: { endpoint: 'http://127.0.0.1:9000', tls: { postQuantum: 'prefer' } } })).toBeNull();
  });
});

describe('files', () => {
  test.each<[string, { storage?: object; metrics?: object }, string, RegExp]>([
    [
      'a CA file that is not there',
      { storage: { tls: { caFile: 'none' } } },
      '$.storage.tls.caFile',
      /cannot be read: ENOENT/,
    ],
    [
      'a CA file without a certificate',
      { storage: { tls: { caFile: write('empty.crt', 'nothing') } } },
      '$.storage.tls.caFile',
      /empty\.crt holds no certificate \(PEM\)/,
    ],
    [
      'a CA file with a broken one behind a good one',
      { storage: { tls: { caFile: write('half.crt', `${authority.certificate}${broken()}`) } } },
      '$.storage.tls.caFile',
      /certificate 2 in .*half\.crt is broken/,
    ],
    [
      'a certificate without a key',
      { storage: { tls: { certificateFile: 'server.crt' } } },
      '$.storage.tls.keyFile',
      /is missing: "certificateFile" needs it/,
    ],
    [
      'a key without a certificate',
      { storage: { tls: { keyFile: 'server.key' } } },
      '$.storage.tls.certificateFile',
      /is missing: "keyFile" needs it/,
    ],
    [
      "another certificate's key",
      { storage: { tls: { certificateFile: 'server.crt', keyFile: 'other.key' } } },
      '$.storage.tls.keyFile',
      /other\.key is not the key of the certificate in .*server\.crt/,
    ],
    [
      'a key that others can read',
      { metrics: { tls: { certificateFile: 'server.crt', keyFile: write('open.key', key(), 0o644) } } },
      '$.metrics.tls.keyFile',
      /open\.key can be read by others: run chmod 600 on it/,
    ],
    [
      'a key that is none',
      { metrics: { tls: { certificateFile: 'server.crt', keyFile: 'ca.crt.key' } } },
      '$.metrics.tls.keyFile',
      /is no private key/,
    ],
    [
      'a key with a passphrase',
      { metrics: { tls: { certificateFile: 'server.crt', keyFile: write('locked.key', key('secret')) } } },
      '$.metrics.tls.keyFile',
      /is encrypted: expected a key without a passphrase/,
    ],
    [
      "clients' authorities that are not there",
      { metrics: { tls: { ...certificate, clientCaFile: 'none' } } },
      '$.metrics.tls.clientCaFile',
      /cannot be read/,
    ],
    ['no certificate at all', { metrics: { tls: {} } }, '$.metrics.tls.certificateFile', /is missing/],
    [
      'another word',
      { metrics: { tls: { ...certificate, postQuantum: 'yes' } } },
      '$.metrics.tls.postQuantum',
      /"prefer"/,
    ],
  ])('%s', (_what, config, jsonPath, words) => {
    write('ca.crt.key', authority.certificate);
    const found = problem(config);
    expect(found?.[0]).toBe(jsonPath);
    expect(found?.[1]).toMatch(words);
  });

  function key(passphrase?: string): string {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const how = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
    return privateKey.export({ format: 'pem', type: 'pkcs8', ...how });
  }

  function broken(): string {
    return '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  }

  test('are different ones', () => {
    expect(other.keyFile).not.toBe(good.keyFile);
  });
});

describe('a Node whose OpenSSL has no ML-KEM', () => {
  test('prefers what there is, and says what to do where it is required', async () => {
    const actual = await import('node:tls');
    const createSecureContext: typeof actual.createSecureContext = (options) => {
      if (/MLKEM|[?*/]/.test(options?.ecdhCurve ?? '')) throw new Error('Failed to set ECDH curve');
      return actual.createSecureContext(options);
    };
    jest.resetModules();
    jest.unstable_mockModule('node:tls', () => ({ ...actual, default: actual, createSecureContext }));
    const { storeTls: old, listenerTls: oldListener } = await import('../../src/server/tls-material.ts');
    expect(old({ tls: { postQuantum: 'prefer' } }, file).context).toEqual({ ecdhCurve: 'auto' });
    const said = new RegExp(
      `own\\.json: \\$\\.storage\\.tls\\.postQuantum: "require" needs ML-KEM in TLS: a Node with OpenSSL 3\\.5`,
    );
    expect(() => old({ tls: { postQuantum: 'require' } }, file)).toThrow(said);
    expect(() => oldListener({ postQuantum: 'require', ...good }, file, '$.metrics.tls')).toThrow(
      /\$\.metrics\.tls\.postQuantum: "require" needs ML-KEM/,
    );
  });
});
