// Servers of the tests that cannot be used: what was started is ended, and the tests run without them.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { makePrograms, says } from './fake-programs.ts';
import { findProgram } from './peers.ts';
import { mustRun } from './process.ts';
import { bringUp, MOTO } from './server-scripts.ts';

/** jest.quick.config.js */
interface QuickConfig {
  readonly testPathIgnorePatterns: readonly string[];
  readonly globals: object;
}
const QUICK_CONFIG = resolve(import.meta.dirname, '../../jest.quick.config.js');
const { default: quick } = (await import(QUICK_CONFIG)) as { readonly default: QuickConfig };

// The scripts ask their servers by curl.
const testCurl = findProgram('machine', 'curl') === null ? test.skip : test;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'latticeport-scripts-test-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** A moto_server with these lines, as a command. */
function motoServer(lines: string): string[] {
  makePrograms(directory, { 'bin/moto_server': lines });
  return [join(directory, 'bin', 'moto_server')];
}

/** Whether the process that wrote its id into the file runs. */
function runs(pidFile: string): boolean {
  const file = `/proc/${readFileSync(pidFile, 'utf8').trim()}/cmdline`;
  return existsSync(file) && readFileSync(file, 'utf8') !== ''; // empty: it has ended and nobody has asked
}

testCurl('one that ends at once is named with its last words', async () => {
  const command = motoServer('echo "No module named flask_cors" >&2; exit 1');
  await expect(bringUp(MOTO, join(directory, 'moto'), { command })).rejects.toThrow(
    /^moto does not start \(exit status 1\): moto_server ended: No module named flask_cors$/,
  );
});

testCurl('one that hangs is ended, and so is what it started', async () => {
  const [pid, childPid] = [join(directory, 'pid'), join(directory, 'child-pid')];
  const command = motoServer(`sleep 600 & echo $! >${childPid}\necho $$ >${pid}\nwait`);
  await expect(bringUp(MOTO, join(directory, 'moto'), { command, env: { MOTO_WAIT: '2' } })).rejects.toThrow(
    /does not answer$/,
  );
  expect(runs(pid)).toBe(false);
  expect(runs(childPid)).toBe(false);
});

describe('the set-up of a run', () => {
  /** With a moto_server of these lines, for a project whose only test reads moto's address. */
  async function setUp(lines: string, config: object, project: object): Promise<{ moto: object; stderr: string }> {
    motoServer(lines);
    makePrograms(join(directory, 'bin'), { python3: says('5.2.1') });
    const root = join(directory, 'project');
    mkdirSync(join(root, 'test'), { recursive: true });
    writeFileSync(join(root, 'test', 'some.test.ts'), "const endpoint = process.env['MOTO_ENDPOINT'];\n");
    const module = (name: string): string => JSON.stringify(resolve(import.meta.dirname, name));
    const script = `
      const { default: setUp } = await import(${module('jest-global-setup.ts')});
      const { default: tearDown } = await import(${module('jest-global-teardown.ts')});
      await setUp(${JSON.stringify({ rootDir: root, ...config })}, ${JSON.stringify(project)});
      const { moto } = await import(${module('s3-endpoints.ts')});
      await tearDown();
      console.log(JSON.stringify(moto));
    `;
    const { stdout, stderr } = await mustRun([process.execPath, '--input-type=module', '-e', script], {
      env: {
        PATH: `${join(directory, 'bin')}:/usr/bin:/bin`,
        LATTICEPORT_PEERS: join(directory, 'no-peers'),
        TMPDIR: directory,
        S3_ENDPOINT: undefined,
        MOTO_ENDPOINT: undefined,
        LATTICEPORT_NO_MOTO: undefined,
        LATTICEPORT_TEST_SERVERS: undefined,
      },
    });
    return { moto: JSON.parse(stdout) as object, stderr };
  }

  test('that finds a server of no use says so and lets the tests run', async () => {
    const { moto, stderr } = await setUp('exit 1', {}, {});
    expect(moto).toEqual({ name: 'moto', missing: expect.stringMatching(/^moto does not start/) as unknown });
    expect(stderr).toContain('The tests that need it are skipped.');
  });

  test('of `npm test` starts none', async () => {
    const begun = join(directory, 'begun');
    const lines = `: >${begun}; exit 1`;
    const { moto } = await setUp(lines, {}, quick);
    expect(moto).toEqual({ name: 'moto', missing: 'moto is left to npm run test:all' });
    expect(existsSync(begun)).toBe(false);
    // Whoever names the files wants it.
    await setUp(lines, { testPathPatterns: { patterns: ['some'] } }, quick);
    expect(existsSync(begun)).toBe(true);
  });
});

test('`npm test` has every test file but the long ones, also those that it has never heard of', () => {
  const ignored = quick.testPathIgnorePatterns.map((pattern) => new RegExp(pattern));
  const isIn = (path: string): boolean => !ignored.some((pattern) => pattern.test(path));
  expect(isIn('/x/test/differential/new.test.ts')).toBe(true);
  expect(isIn('/x/test/server/long.test.ts')).toBe(true);
  expect(isIn('/x/test/server/workers.long.test.ts')).toBe(false);
});
