import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openSecrets } from '../../../src/config/open-secrets.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { ManagementConfig } from '../../../src/config/schema.ts';
import { checkDistinct } from '../../../src/server/managed/managed-storages.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'latticeport-storages-'));
  mkdirSync(path.join(folder, 'data', 'payroll'), { recursive: true });
  mkdirSync(path.join(folder, 'database'));
  symlinkSync('data', path.join(folder, 'link'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function managementOf(storages: object, more: object = {}): ManagementConfig {
  const roles = [{ arn: 'arn:aws:iam::*:role/*', buckets: '*' }];
  const text = JSON.stringify({ management: { storages, roles, ...more } });
  const { management } = parseConfig(text, path.join(folder, 'latticeport.json')).config;
  if (management === undefined) throw new Error('there is no management');
  return management;
}

const local = (root: string): object => ({ type: 'local', root });
const s3 = (prefix: string, endpoint = 'http://127.0.0.1:9000'): object => ({
  type: 's3',
  bucket: 'files',
  prefix,
  endpoint,
});

describe('storages of one installation', () => {
  test.each([
    ['a directory in the other', local('data'), local('data/payroll')],
    ['the same directory by a link', local('data'), local('link/payroll')],
    ['a prefix in the other', s3(''), s3('payroll/')],
    [
      'the same by another spelling of the endpoint',
      s3('', 'http://127.0.0.1:9000'),
      s3('a/', 'http://127.0.0.1:9000/'),
    ],
  ])('are refused where one is %s', (_, outer, inner) => {
    const { storages } = managementOf({ outer, inner });
    expect(() => {
      checkDistinct('latticeport.json', storages);
    }).toThrow(/\$\.management\.storages\.inner: lies in \$\.management\.storages\.outer/);
  });

  test.each([
    ['directories whose names begin alike', local('data'), local('database')],
    ['prefixes beside each other', s3('a/'), s3('ab/')],
    ['one prefix at two stores', s3('a/'), s3('a/', 'http://127.0.0.1:9001')],
  ])('may be %s', (_, one, other) => {
    const { storages } = managementOf({ one, other });
    expect(() => {
      checkDistinct('latticeport.json', storages);
    }).not.toThrow();
  });
});

test('secrets of the section are warned of in a file that everybody may read', () => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const roles = [{ arn: 'arn:aws:iam::*:role/*', buckets: '*' }];
  const state = { type: 'postgresql', url: 'postgresql://lattice:secret@127.0.0.1/lattice' };
  const storages = { files: { type: 's3', bucket: 'files', credentials }, other: { type: 'memory' } };
  const { config } = parseConfig(JSON.stringify({ management: { storages, roles, state } }), 'latticeport.json');
  const places = openSecrets(config, 'latticeport.json', 0o644).map(({ message }) => message);
  expect(places).toEqual([
    expect.stringContaining('$.management.storages.files.credentials'),
    expect.stringContaining('$.management.state.url'),
  ]);
  expect(openSecrets(config, 'latticeport.json', 0o600)).toEqual([]);
});
