import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parsePolicy } from '../../src/policy/parse-policy.ts';
import { loadPoliciesFor } from '../../src/policy/policies-for.ts';
import { configErrorOf, policyDirectory, policyJson } from './policy-files.ts';

const OURS = 'ACME, internal (2026) – größer';
const good = (name: string): object => policyJson({ SecurityPolicyName: name });
const broken = (name: string): object => policyJson({ SecurityPolicyName: name, SshKexs: ['no-such-kex'] });

describe('the policies of a server that uses one', () => {
  test('a broken file that nobody uses is a warning, whatever is wrong with it', () => {
    const directory = policyDirectory({
      'good.json': good(OURS),
      'broken.json': broken('other'),
      'text.json': 'not JSON',
      'twice.json': good('twice'),
      'twice-again.json': good('twice'),
    });
    const { catalogue, warnings } = loadPoliciesFor(OURS, [directory]);
    expect(catalogue.get(OURS)?.name).toBe(OURS);
    expect(warnings.map(({ file }) => file).sort()).toEqual(
      ['broken.json', 'text.json', 'twice.json'].map((name) => join(directory, name)),
    );
    // The watcher does not report them again.
    expect(catalogue.refresh().problems).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    ['it is the one in use', { 'a.json': broken(OURS) }],
    ['it may be the one in use', { 'a.json': 'not JSON' }],
    ['it defines the one in use a second time', { '0.json': good(OURS), 'a.json': good(OURS) }],
    ['it is broken and defines the one in use', { '0.json': good(OURS), 'a.json': broken(OURS) }],
    ['it is named like the one in use', { '0.json': good(OURS), [`${OURS}.json`]: 'not JSON' }],
  ])('stops the start where %s', (_, files) => {
    const directory = policyDirectory(files);
    const error = configErrorOf(() => loadPoliciesFor(OURS, [directory]));
    expect([join(directory, 'a.json'), join(directory, `${OURS}.json`)]).toContain(error.file);
  });

  test('a directory that cannot be read stops it too', () => {
    const directory = policyDirectory({ 'good.json': good(OURS) });
    expect(configErrorOf(() => loadPoliciesFor(OURS, [directory, '/no/such/place'])).file).toBe('/no/such/place');
  });
});

test.each(['x', 'my policy', 'ACME-2026', OURS, '2026', 'a/b', 'Ünïcode'])('a policy may be named "%s"', (name) => {
  expect(parsePolicy('x.json', JSON.stringify(good(name))).name).toBe(name);
});

test.each(['', ' x', 'x ', '-x', 'a\u0000', 'a\u001b[2J', 'a\u202eb', 'a\nb', 'x'.repeat(101)])(
  'a policy may not be named %j',
  (name) => {
    const { jsonPath } = configErrorOf(() => parsePolicy('x.json', JSON.stringify(good(name))));
    expect(jsonPath).toBe('$.SecurityPolicy.SecurityPolicyName');
  },
);
