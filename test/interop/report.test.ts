import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { allClients, OQS_KEX } from './clients/clients.ts';
import type { InteropClient, Login } from './client.ts';
import { KEX_BY_NAME } from '../../src/crypto/algorithms/algorithm-table.ts';
import type { Identity, KeyFile, KeyType } from './identity.ts';
import { KEY_TYPES } from './identity.ts';
import type { ClientRecord } from './record.ts';
import { merged } from './record.ts';
import { interopMarkdown } from './report.ts';
import { runCells } from './run-cells.ts';
import { allScenarios } from './scenarios/scenarios.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const known = JSON.parse(readFileSync(join(DOCS, 'interop.json'), 'utf8')) as ClientRecord[];
const names = allClients().map(({ name }) => name);

describe('docs/interop.md', () => {
  test('is what docs/interop.json makes', () => {
    const text = interopMarkdown({ records: known, clients: allClients(), scenarios: allScenarios });
    expect(readFileSync(join(DOCS, 'interop.md'), 'utf8')).toBe(text);
  });
});

describe('a run with a filter', () => {
  const ran = (name: string, version: string, scenarios: readonly string[]): ClientRecord => ({
    ...{ name, version, origin: 'here', date: '2030-01-01', says: 'SSH-2.0-x', firstKex: 'curve25519-sha256' },
    scenarios: Object.fromEntries(scenarios.map((one) => [one, { passed: [''], failed: [], inapplicable: [] }])),
  });
  const [first] = known;
  if (first === undefined) throw new Error('docs/interop.json is empty');

  test('of clients leaves the others as they were', () => {
    const after = merged(known, [ran('OQS OpenSSH', '10.3', ['files'])], names);
    expect(after).toHaveLength(known.length + 1);
    expect(after.filter(({ name }) => name !== 'OQS OpenSSH')).toEqual(known);
    // In the order of the clients, wherever it was run.
    expect(after.map(({ name }) => name)).toEqual(names.filter((name) => after.some((one) => one.name === name)));
  });

  test('of scenarios leaves the other scenarios of the same version', () => {
    const after = merged(known, [ran(first.name, first.version, ['files'])], names);
    expect(after).toHaveLength(known.length);
    expect(after[0]?.scenarios).toEqual({ ...first.scenarios, files: { passed: [''], failed: [], inapplicable: [] } });
    expect(after[0]?.date).toBe('2030-01-01');
  });

  test('says nothing of what another version could', () => {
    const after = merged(known, [ran(first.name, 'another', ['files'])], names);
    expect(Object.keys(after[0]?.scenarios ?? {})).toEqual(['files']);
  });

  test('drops a client that there is no more', () => {
    expect(merged([ran('gone', '1', ['files'])], [], names)).toEqual([]);
  });
});

describe('OQS OpenSSH', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'latticeport-report-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test('is told a post-quantum method in every scenario', async () => {
    expect(KEX_BY_NAME.get(OQS_KEX)?.family).toBe('pq-hybrid');
    const logins: Login[] = [];
    const client: InteropClient = {
      ...{ name: 'OQS OpenSSH', version: '10.3', origin: 'OQS_OPENSSH_DIR', obtainable: false, usualKex: OQS_KEX },
      ...{ optionalKex: [], userKeys: ['ed25519'], cannot: {} },
      run: (login) => {
        logins.push(login);
        return Promise.resolve({ code: 0, signal: null, stdout: '', stderr: '', timedOut: false, milliseconds: 0 });
      },
    };
    const key = (type: KeyType): KeyFile => ({ type, path: '', publicPath: '', publicLine: '', fingerprint: '' });
    const keys = Object.fromEntries(KEY_TYPES.map((type) => [type, key(type)])) as Identity['hostKeys'];
    const identity = { user: 'x', password: 'x', hostKeys: keys, userKeys: keys, strangerKey: key('ed25519') };
    const offer = { version: '', kex: ['curve25519-sha256', OQS_KEX], hostKeys: [], ciphers: [], macs: [] };
    await runCells({
      clients: [client],
      scenarios: allScenarios,
      offers: new Map([[client.name, offer]]),
      identity,
      directory: folder,
      remote: { host: '127.0.0.1', port: 1, identity },
      onResult: () => undefined,
    });
    expect(logins.length).toBeGreaterThan(4);
    expect(new Set(logins.map(({ kex }) => kex))).toEqual(new Set([OQS_KEX]));
  });
});
