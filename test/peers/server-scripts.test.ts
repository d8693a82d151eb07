// Servers of the tests that cannot be used: what was started is ended, and the tests run without them.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { makePrograms, says } from './fake-programs.ts';
import { mustRun } from './process.ts';
import { bringUp, MOTO } from './server-scripts.ts';

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

test('one that ends at once is named with its last words', async () => {
  const command = motoServer('echo "No module named flask_cors" >&2; exit 1');
  await expect(bringUp(MOTO, join(directory, 'moto'), { command })).rejects.toThrow(
    /^moto does not start \(exit status 1\): moto_server ended: No module named flask_cors$/,
  );
});

test('one that hangs is ended, and so is what it started', async () => {
  const [pid, childPid] = [join(directory, 'pid'), join(directory, 'child-pid')];
  const command = motoServer(`sleep 600 & echo $! >${childPid}\necho $$ >${pid}\nwait`);
  await expect(bringUp(MOTO, join(directory, 'moto'), { command, env: { MOTO_WAIT: '2' } })).rejects.toThrow(
    /does not answer$/,
  );
  expect(runs(pid)).toBe(false);
  expect(runs(childPid)).toBe(false);
});

test('a set-up that finds one that is of no use says so and lets the tests run', async () => {
  motoServer('exit 1');
  makePrograms(join(directory, 'bin'), { python3: says('5.2.1') });
  const root = join(directory, 'project');
  mkdirSync(join(root, 'test'), { recursive: true });
  writeFileSync(join(root, 'test', 'some.test.ts'), "const endpoint = process.env['MOTO_ENDPOINT'];\n");
  const module = (name: string): string => JSON.stringify(resolve(import.meta.dirname, name));
  const script = `
    const { default: setUp } = await import(${module('jest-global-setup.ts')});
    const { default: tearDown } = await import(${module('jest-global-teardown.ts')});
    await setUp({ rootDir: ${JSON.stringify(root)} });
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
  expect(JSON.parse(stdout)).toEqual({ name: 'moto', missing: expect.stringMatching(/^moto does not start/) });
  expect(stderr).toContain('The tests that need it are skipped.');
});
