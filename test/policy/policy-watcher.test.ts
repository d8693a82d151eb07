import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { loadPolicies } from '../../src/policy/catalogue.ts';
import type { ConfigError } from '../../src/policy/config-error.ts';
import { watchPolicies, type PolicyWatcher } from '../../src/policy/policy-watcher.ts';
import type { SecurityPolicy } from '../../src/policy/security-policy.ts';
import { policyDirectory, policyJson, writePolicy } from './policy-files.ts';

let watcher: PolicyWatcher | undefined;
afterEach(() => {
  watcher?.close();
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true in time');
    await delay(10);
  }
}

function start(pollMilliseconds: number) {
  const directory = policyDirectory({ 'a.json': policyJson() });
  const catalogue = loadPolicies([directory]);
  const changes: SecurityPolicy[] = [];
  const problems: ConfigError[] = [];
  watcher = watchPolicies({
    catalogue,
    onChange: (policy) => changes.push(policy),
    onProblem: (problem) => problems.push(problem),
    pollMilliseconds,
  });
  return { directory, catalogue, changes, problems, watcher };
}

describe('watchPolicies', () => {
  // The one relies on the system's change events, the other on polling alone.
  test.each([
    ['by the change events of the system', 3_600_000],
    ['by polling', 20],
  ])('brings a saved file into force, and keeps the old one of a broken file: %s', async (_how, poll) => {
    const { directory, catalogue, changes, problems } = start(poll);
    writePolicy(directory, 'a.json', policyJson({ SshKexs: ['ecdh-sha2-nistp256'] }));
    await until(() => changes.length > 0);
    expect(changes[0]).toBe(catalogue.get('TransferSecurityPolicy-Test'));
    expect(changes[0]?.algorithms.kex).toEqual(['ecdh-sha2-nistp256']);

    writePolicy(directory, 'a.json', '{"SecurityPolicy":');
    await until(() => problems.length > 0);
    expect(problems[0]?.message).toContain('is not JSON');
    expect(catalogue.get('TransferSecurityPolicy-Test')).toBe(changes.at(-1));
  });

  test('check looks at once', () => {
    const { directory, changes, watcher } = start(3_600_000);
    writePolicy(directory, 'a.json', policyJson({ SshKexs: ['ecdh-sha2-nistp256'] }));
    watcher.check();
    expect(changes).toHaveLength(1);
  });

  test('a directory that cannot be watched is polled', async () => {
    const directory = policyDirectory({ 'a.json': policyJson() });
    const catalogue = loadPolicies([directory]);
    const missing = `${directory}/missing`;
    const problems: ConfigError[] = [];
    const both = Object.assign(catalogue, { directories: [directory, missing] });
    watcher = watchPolicies({
      catalogue: both,
      onChange: () => undefined,
      onProblem: (problem) => problems.push(problem),
      pollMilliseconds: 20,
    });
    await until(() => problems.length > 0);
    expect(problems[0]?.file).toBe(missing);
  });
});
