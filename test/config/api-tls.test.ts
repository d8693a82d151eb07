// Whether the management API is served over TLS, and with which certificate.
import { describe, expect, test } from '@jest/globals';
import { apiTls, type ApiTls } from '../../src/config/api-tls.ts';
import { configJsonSchema, parseConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/policy/config-error.ts';

const FILE = '/etc/latticeport/latticeport.json';

function parse(listen: object, management: object = {}): ApiTls {
  const storages = { data: { type: 'memory' } };
  const roles = [{ arn: 'arn:aws:iam::*:role/*', buckets: '*' }];
  const loaded = parseConfig(JSON.stringify({ management: { listen, storages, roles, ...management } }), FILE);
  if (loaded.config.management === undefined) throw new Error('no section');
  return apiTls(loaded.config.management);
}

function problems(listen: object): string[] {
  try {
    parse(listen);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ jsonPath, problem }) => `${jsonPath} ${problem}`);
    throw error;
  }
  return [];
}

const FILES = { certificateFile: 'api.crt', keyFile: 'api.key' };

describe('without "tls"', () => {
  test.each([undefined, '127.0.0.1', '127.8.8.8', '::1', 'localhost'])('%s is served over plain HTTP', (host) => {
    expect(parse({ host })).toEqual({ type: 'none' });
  });

  test.each(['0.0.0.0', '::', '192.0.2.1', 'api.example.org', '2001:db8::1'])('%s gets a certificate', (host) => {
    const directory = '/etc/latticeport/state';
    expect(parse({ host })).toEqual({ type: 'own', directory, hosts: [], postQuantum: 'prefer' });
  });
});

test('files are used on every address', () => {
  const files = { certificateFile: '/etc/latticeport/api.crt', keyFile: '/etc/latticeport/api.key' };
  const tls = { ...FILES, clientCaFile: 'ca.crt', postQuantum: 'require' };
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    expect(parse({ host, tls })).toEqual({
      ...{ type: 'files', ...files, postQuantum: 'require', clientCaFile: '/etc/latticeport/ca.crt' },
    });
  }
});

describe('"tls" without files asks for a certificate', () => {
  test('on loopback, too, beside the file of the state', () => {
    const state = { type: 'sqlite', file: '/var/lib/latticeport/x.db' };
    expect(parse({ tls: {} }, { state })).toMatchObject({ type: 'own', directory: '/var/lib/latticeport' });
  });

  test('beside the configuration, where the state is a database', () => {
    const state = { type: 'postgresql', url: 'postgresql://db.example.org/latticeport' };
    expect(parse({ tls: {} }, { state })).toMatchObject({ type: 'own', directory: '/etc/latticeport/state' });
  });

  test('in a directory and for hosts of the configuration', () => {
    const tls = { directory: 'tls', hosts: ['sftp.example.org', '192.0.2.1', '*.example.org'], postQuantum: 'require' };
    expect(parse({ tls })).toEqual({ ...tls, type: 'own', directory: '/etc/latticeport/tls' });
  });
});

describe('is refused', () => {
  test.each([
    [{ certificateFile: 'a' }, '$.management.listen.tls.keyFile is missing: "certificateFile" needs it'],
    [{ keyFile: 'a' }, '$.management.listen.tls.certificateFile is missing: "keyFile" needs it'],
    [{ ...FILES, hosts: ['a'] }, '$.management.listen.tls.hosts is for a certificate that Latticeport makes'],
    [{ ...FILES, directory: 'a' }, '$.management.listen.tls.directory is for a certificate that Latticeport makes'],
    [{ hosts: ['no name'] }, '$.management.listen.tls.hosts[0] expected an address or a DNS name'],
    [{ host: ['a'] }, '$.management.listen.tls unknown setting "host"'],
  ])('%j', (tls, problem) => {
    expect(problems({ tls })).toContainEqual(expect.stringContaining(problem));
  });
});

test('the JSON Schema needs no file', () => {
  const schema = JSON.stringify(configJsonSchema());
  expect(schema).toContain('with one that the first start makes');
});
