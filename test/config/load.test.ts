import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { configJsonSchema, loadConfig, parseConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/policy/config-error.ts';

const minimal = { hostKeys: ['keys/a'], storage: { type: 'local', root: 'data' } };

function errorOf(value: unknown): ConfigError {
  try {
    parseConfig(typeof value === 'string' ? value : JSON.stringify(value), '/etc/latticeport/latticeport.json');
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('a good configuration', () => {
  test('the least that is needed; everything else has a default', () => {
    const { config } = parseConfig(JSON.stringify(minimal), '/etc/lp/latticeport.json');
    expect(config.securityPolicy).toBe('TransferPQSecurityPolicy-2026-11');
    expect(config.listen).toMatchObject({ host: '0.0.0.0', port: 2222, proxyProtocol: { mode: 'off' } });
    expect(config.limits.sessionsPerConnection).toBe(10);
  });

  test("relative paths start at the file's folder", () => {
    const { config } = parseConfig(JSON.stringify(minimal), '/etc/lp/latticeport.json');
    expect(config.hostKeys).toEqual(['/etc/lp/keys/a']);
    expect(config.storage).toMatchObject({ root: '/etc/lp/data' });
    const users = [{ name: 'x', passwordHashFile: 'secrets/x' }, { name: 'y' }];
    const { config: other } = parseConfig(JSON.stringify({ ...minimal, users }), '/etc/lp/latticeport.json');
    const encrypted = { ...minimal, hostKeyPassphraseFile: 'secrets/passphrase' };
    const { config: withPassphrase } = parseConfig(JSON.stringify(encrypted), '/etc/lp/latticeport.json');
    expect(withPassphrase.hostKeyPassphraseFile).toBe('/etc/lp/secrets/passphrase');
    const certified = { ...minimal, hostCertificates: ['keys/a-cert.pub'] };
    const { config: withCertificate } = parseConfig(JSON.stringify(certified), '/etc/lp/latticeport.json');
    expect(withCertificate.hostCertificates).toEqual(['/etc/lp/keys/a-cert.pub']);
    expect(other.users.map(({ passwordHashFile }) => passwordHashFile)).toEqual(['/etc/lp/secrets/x', undefined]);
  });
});

describe('metrics', () => {
  const metricsOf = (change: object): unknown =>
    parseConfig(JSON.stringify({ ...minimal, ...change }), 'x').config.metrics;

  test('nowhere unless asked for; then on this machine only', () => {
    expect(metricsOf({})).toBeUndefined();
    expect(metricsOf({ metrics: {} })).toEqual({ host: '127.0.0.1', port: 9464 });
  });

  test('may have the port of SSH on another address, and let the system pick', () => {
    const ssh = { host: '192.0.2.1', port: 9464 };
    expect(metricsOf({ listen: ssh, metrics: {} })).toEqual({ host: '127.0.0.1', port: 9464 });
    expect(metricsOf({ listen: { port: 0 }, metrics: { port: 0 } })).toMatchObject({ port: 0 });
    expect(() => metricsOf({ listen: ssh, metrics: { host: '::' } })).toThrow(/another port/);
    expect(() => metricsOf({ listen: ssh, metrics: { host: '192.0.2.1' } })).toThrow(/another port/);
  });
});

describe('a mistake names the file, the JSON path and what was expected', () => {
  test.each<[string, unknown, string, RegExp]>([
    ['not JSON', '{', '$', /not valid JSON/],
    ['no storage', { hostKeys: ['a'] }, '$.storage', /is missing: expected object/],
    ['no file at all', [], '$', /expected object, received array/],
    ['an unknown setting', { ...minimal, hostkeys: 1 }, '$', /unknown setting "hostkeys"; nearest known: hostKeys, /],
    [
      'an unknown setting within',
      { ...minimal, listen: { prot: 1 } },
      '$.listen',
      /unknown setting "prot"; nearest known: port, host/,
    ],
    [
      'a setting of another type of storage',
      { ...minimal, storage: { type: 's3', bucket: 'abc', partSize: 1 } },
      '$.storage',
      /unknown setting "partSize"; nearest known: partBytes, /,
    ],
    [
      'an unknown setting of a user',
      { ...minimal, users: [{ name: 'a', publickey: 'x', pasword: 'y' }] },
      '$.users[0]',
      /"publickey"; nearest known: publicKeys, .*; unknown setting "pasword"; nearest known: passwordHash, /,
    ],
    ['no bucket', { ...minimal, storage: { type: 's3' } }, '$.storage.bucket', /is missing: expected string/],
    [
      'a word that is none of the choices',
      { ...minimal, fips: 'yes' },
      '$.fips',
      /: expected one of "off"\|"required"$/,
    ],
    ['a port out of range', { ...minimal, listen: { port: 70_000 } }, '$.listen.port', /65535/],
    ['a wrong type', { ...minimal, listen: { port: '22' } }, '$.listen.port', /number/],
    ['an unknown storage type', { ...minimal, storage: { type: 'ftp' } }, '$.storage.type', /expected 'local'/],
    ['a bad user name', { ...minimal, users: [{ name: 'a/b' }] }, '$.users[0].name', /expected 1 to 100 letters/],
    ['a relative home', { ...minimal, users: [{ name: 'a', home: 'x' }] }, '$.users[0].home', /"\/"/],
    ['no host keys', { ...minimal, hostKeys: [] }, '$.hostKeys', />=1/],
    [
      'an unknown setting of the metrics',
      { ...minimal, metrics: { prot: 1 } },
      '$.metrics',
      /nearest known: port, host/,
    ],
    [
      'metrics on the port of SSH',
      { ...minimal, listen: { port: 9464 }, metrics: {} },
      '$.metrics.port',
      /expected another port than that of "listen"/,
    ],
    [
      'parts too small for S3',
      { ...minimal, storage: { type: 's3', bucket: 'abc', partBytes: 1 } },
      '$.storage.partBytes',
      /5242880/,
    ],
  ])('%s', (_, value, path, text) => {
    const error = errorOf(value);
    expect(error.file).toBe('/etc/latticeport/latticeport.json');
    expect(error.jsonPath).toBe(path);
    expect(error.message).toMatch(text);
  });

  test('all mistakes at once', () => {
    const error = errorOf({ ...minimal, hostKeys: [], listen: { port: -1 } });
    expect(error.problems.map((problem) => problem.jsonPath).sort()).toEqual(['$.hostKeys', '$.listen.port']);
  });

  test('a file that is not there', () => {
    expect(() => loadConfig('/nonexistent/latticeport.json')).toThrow(/cannot be read/);
  });
});

test('any JSON gives a configuration or a ConfigError', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom('listen', 'users', 'storage', 'auth', 'limits', 'hostKeys'),
      (value, key) => {
        try {
          parseConfig(JSON.stringify({ ...minimal, [key]: value }), 'x.json');
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('the JSON Schema knows every top-level setting', () => {
  const schema = configJsonSchema() as { properties: Record<string, unknown>; additionalProperties: boolean };
  expect(Object.keys(schema.properties)).toEqual(
    expect.arrayContaining(['listen', 'hostKeys', 'securityPolicy', 'storage', 'users', 'rekey', 'limits']),
  );
  expect(schema.additionalProperties).toBe(false);
});

describe('from where clients may come', () => {
  const problemOf = (change: object): string | undefined => errorOf({ ...minimal, ...change }).problems[0]?.jsonPath;

  test('balancers are believed where they are named only', () => {
    expect(problemOf({ listen: { proxyProtocol: { mode: 'accept' } } })).toBe('$.listen.proxyProtocol.networks');
    expect(problemOf({ listen: { proxyProtocol: { mode: 'enforce', networks: ['10.0.0.1'] } } })).toBe(
      '$.listen.proxyProtocol.networks[0]',
    );
  });

  test('no network at all is a mistake, and so is an address', () => {
    expect(problemOf({ allowedNetworks: [] })).toBe('$.allowedNetworks');
    expect(problemOf({ users: [{ name: 'x', deniedNetworks: ['192.0.2.1'] }] })).toBe('$.users[0].deniedNetworks[0]');
  });
});
