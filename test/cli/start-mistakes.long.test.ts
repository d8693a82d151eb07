// What an operator meets who starts it in the wrong place, as the wrong user, on the wrong Node: one line each.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { listenError } from '../../src/cli/serve/listen-error.ts';
import { nodeProblem } from '../../src/cli/node-version.ts';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import type { Finished } from '../peers/process.ts';
import { runProgram } from '../peers/process.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const MAIN = path.join(ROOT, 'dist/cli/main.js');

/** Whom the permissions of a directory hold back. */
const OTHER = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
const otherWorks =
  spawnSync('/usr/bin/env', [...OTHER, process.execPath, MAIN, '--version'], { cwd: '/', stdio: 'ignore' }).status ===
  0;
const withOther = otherWorks ? test : test.skip;

const base = mkdtempSync(path.join(tmpdir(), 'latticeport-start-'));
let identity: Identity;
let folder: string;
let count = 0;

beforeAll(async () => {
  chmodSync(base, 0o755);
  identity = await makeIdentity(path.join(base, 'identity'));
});

afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

beforeEach(() => {
  count += 1;
  folder = path.join(base, String(count));
  mkdirSync(folder, { mode: 0o755 });
});

/** Runs what must end with status 1; resolves to the one line that it says. */
async function said(command: readonly string[]): Promise<string> {
  const finished: Finished = await runProgram(command, { cwd: folder, timeoutMs: 30_000 });
  expect(finished).toMatchObject({ code: 1, timedOut: false, stdout: '' });
  expect(finished.stderr).toMatch(/^latticeport: [^\n]+\n$/);
  return finished.stderr;
}

describe('the demo', () => {
  withOther('in a directory that cannot be written', async () => {
    const line = await said([...OTHER, process.execPath, MAIN, 'serve', '-p', '0']);
    expect(line).toContain(JSON.stringify(folder));
    expect(line).toContain('EACCES');
    expect(line).toContain('--config FILE');
  });

  test('where its directories are files', async () => {
    writeFileSync(path.join(folder, 'keys'), 'no directory');
    const line = await said([process.execPath, MAIN, 'serve', '-p', '0']);
    expect(line).toContain(JSON.stringify(path.join(folder, 'keys')));
  });
});

describe('storage.root', () => {
  function config(root: string, users: readonly object[] = [{}]): string[] {
    // Its owner reads the key; the other user needs one of its own.
    const key = path.join(folder, 'host_key');
    chmodSync(folder, 0o777);
    const write = [...OTHER, 'sh', '-c', 'cat > host_key && chmod 600 host_key'];
    spawnSync('/usr/bin/env', write, { cwd: folder, input: readFileSync(identity.hostKeys.ed25519.path) });
    writeFileSync(
      path.join(folder, 'own.json'),
      JSON.stringify({
        listen: { host: '127.0.0.1', port: 0 },
        hostKeys: [key],
        storage: { type: 'local', root },
        users: users.map((user, index) => ({
          name: `user${index}`,
          publicKeys: [identity.userKeys.ed25519.publicLine],
          ...user,
        })),
      }),
      { mode: 0o644 },
    );
    return [...OTHER, process.execPath, MAIN];
  }

  const COMMANDS = [
    ['serve', '--config', 'own.json'],
    ['check-config', '--connect', 'own.json'],
  ];

  withOther.each(COMMANDS)('that is a file, or below one: %s', async (...command) => {
    writeFileSync(path.join(folder, 'file'), '');
    for (const root of ['file', 'file/below/it']) {
      const line = await said([...config(root), ...command]);
      expect(line).toBe(
        `latticeport: own.json: $.storage.root: "${path.join(folder, 'file')}" is a file: expected a directory\n`,
      );
    }
  });

  withOther.each(COMMANDS)('that cannot be written, or not be made: %s', async (...command) => {
    mkdirSync(path.join(folder, 'closed'), { mode: 0o755 });
    chmodSync(path.join(folder, 'closed'), 0o555);
    const closed = JSON.stringify(path.join(folder, 'closed'));
    expect(await said([...config('closed'), ...command])).toMatch(
      new RegExp(`own\\.json: \\$\\.storage\\.root: ${closed} cannot be written by user ID \\d+ \\(EACCES\\)`),
    );
    const line = await said([...config('closed/new'), ...command]);
    expect(line).toContain(`${JSON.stringify(path.join(folder, 'closed/new'))} cannot be made: ${closed}`);
  });

  withOther('that nobody is to write may be one that cannot be written; the look at it makes nothing', async () => {
    mkdirSync(path.join(folder, 'closed'), { mode: 0o755 });
    chmodSync(path.join(folder, 'closed'), 0o555);
    const check = ['check-config', '--connect', 'own.json'];
    const readers = [{ permissions: 'read-only' }, { permissions: ['list', 'read'] }];
    const finished = await runProgram([...config('closed', readers), ...check], { cwd: folder });
    expect(finished).toMatchObject({ code: 0, stderr: '' });
    expect(finished.stdout).toContain(`own.json: directory "${path.join(folder, 'closed')}" answers.`);
    expect(await runProgram([...config('new/one'), ...check], { cwd: folder })).toMatchObject({ code: 0 });
    expect(existsSync(path.join(folder, 'new'))).toBe(false);
  });
});

describe('a port below 1024 without the right to it', () => {
  const refused = Object.assign(new Error('listen EACCES'), { code: 'EACCES', syscall: 'listen' });

  test('names the capability', () => {
    const { message = '' } = listenError(refused, { host: '0.0.0.0', port: 22 }) ?? {};
    expect(message).toMatch(/^0\.0\.0\.0 port 22 .*root or the capability CAP_NET_BIND_SERVICE/);
    expect(message).toContain('--port');
  });

  test('and one above it has another reason', () => {
    const { message = '' } = listenError(refused, { host: '0.0.0.0', port: 2222 }) ?? {};
    expect(message).not.toContain('1024');
  });
});

describe('Node', () => {
  test.each([
    ['20.20.2', true],
    ['22.11.0', true],
    ['22.12.9', true],
    ['22.13.0', false],
    ['24.0.0', false],
    ['9.9.9', true],
  ])('%s is too old: %j', (version, tooOld) => {
    expect(nodeProblem(version)).toEqual(
      tooOld ? expect.stringMatching(`^needs Node 22\\.13 or newer; this is ${version}$`) : null,
    );
  });

  test('is what package.json asks for', () => {
    const { engines } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    const [, needed = ''] = /^>=(\d+\.\d+)$/.exec(engines.node) ?? [];
    expect(nodeProblem(`${needed}.0`)).toBeNull();
    const [major = 0, minor = 0] = needed.split('.').map(Number);
    expect(nodeProblem(`${major}.${minor - 1}.0`)).toContain(`Node ${needed} or newer`);
  });

  test('says so before anything is loaded that an older one cannot load', () => {
    // What the program's first file imports before it looks is all that has to load.
    const imports = (file: string): string[] =>
      [...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^;]*?from ['"]([^'"]+)['"]/gm)].map(
        ([, name = '']) => name,
      );
    expect(imports(MAIN)).toEqual(['./node-version.js']);
    expect(imports(path.join(path.dirname(MAIN), 'node-version.js'))).toEqual([]);
  });

  const older = spawnSync('/usr/bin/env', ['-i', '/usr/bin/node', '--version'], { encoding: 'utf8' }).stdout;
  const withOlder = typeof older === 'string' && /^v(?:1[6-9]|2[01])\./.test(older) ? test : test.skip;

  withOlder("that is the machine's and too old", async () => {
    const line = await said(['/usr/bin/node', MAIN, 'serve']);
    expect(line).toBe(`latticeport: needs Node 22.13 or newer; this is ${older.trim().slice(1)}\n`);
  });

  const npm = spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).stdout.trim();
  const withNpm = npm !== '' && realpathSync(npm).endsWith('.js') ? test : test.skip;

  withNpm("npm start takes the repository's own, whichever the machine has", async () => {
    const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      scripts: { start: string };
    };
    writeFileSync(
      path.join(folder, 'package.json'),
      JSON.stringify({ type: 'module', scripts: { start: scripts.start, build: 'true' } }),
    );
    mkdirSync(path.join(folder, 'dist/cli'), { recursive: true });
    writeFileSync(path.join(folder, 'dist/cli/main.js'), 'console.log(`runs on ${process.execPath}`);\n');
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    const bin = path.join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'node'), "#!/bin/sh\necho the machine\\'s own\nexit 1\n", { mode: 0o755 });
    const finished = await runProgram([process.execPath, realpathSync(npm), 'start'], {
      cwd: folder,
      env: { PATH: `${bin}:/usr/bin:/bin` },
    });
    const own = realpathSync(path.join(ROOT, 'node_modules/.bin/node'));
    expect(finished.stdout).toContain(`runs on ${own}`);
  });
});

describe('a reader that has seen enough', () => {
  test.each([[['config-schema']], [['policy', 'list']], [['--help']]])('ends %j quietly', async (args) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    // Before the program has come as far as its first word.
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const [code] = (await once(child, 'close')) as [number | null];
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
