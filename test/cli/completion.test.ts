import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { runCommand } from './run-command.ts';

const run = promisify(execFile);
let script = '';

beforeAll(async () => {
  script = (await runCommand(['completion', 'bash'])).output;
});

/** What bash offers after the words, the last of which is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const line = ['latticeport', ...words];
  const program = [
    script,
    `COMP_WORDS=(${line.map((word) => `'${word}'`).join(' ')})`,
    `COMP_CWORD=${words.length}`,
    '_latticeport latticeport "${COMP_WORDS[COMP_CWORD]}"',
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n');
  const { stdout } = await run('bash', ['--norc', '-u', '-c', program]);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion in bash', () => {
  test('offers commands, then the commands below them', async () => {
    expect(await offered('')).toEqual(expect.arrayContaining(['policy', 'server', 'user', 'host-key', 'completion']));
    expect(await offered('se')).toEqual(['server', 'session', 'security-policy']);
    expect(await offered('session', '')).toEqual(['list', 'end']);
    expect(await offered('server', '')).toEqual(['list', 'describe', 'create', 'update', 'start', 'stop', 'delete']);
    expect(await offered('host-key', 'd')).toEqual(['describe', 'delete']);
    expect(await offered('import', 'tr')).toEqual(['transfer-family']);
    expect(await offered('no-such-command', 'x')).toEqual([]);
  });

  test('offers the options of the command', async () => {
    expect(await offered('user', 'create', '--')).toEqual(
      expect.arrayContaining(['--role', '--map', '--key', '--endpoint-url', '--json', '--help']),
    );
    expect(await offered('user', 'create', 'acme', '--ro')).toEqual(['--role']);
    expect(await offered('user', 'list', '--ro')).toEqual([]);
    expect(await offered('session', 'list', '--')).toEqual(expect.arrayContaining(['--server', '--user', '--json']));
  });

  test('the value of an option is left to files, and is no command', async () => {
    expect(await offered('server', 'create', '--banner', '')).toEqual([]);
    expect(await offered('user', 'delete', '-s', 'list', '--e')).toEqual(['--endpoint-url']);
    expect(await offered('user', 'delete', '--server', '=', 'list', '--e')).toEqual(['--endpoint-url']);
    // Without a value: what follows --json is a word again.
    expect(await offered('server', 'create', '--json', '--por')).toEqual(['--port']);
  });

  test('is registered for the program, with file names where nothing fits', async () => {
    const { stdout } = await run('bash', ['--norc', '-c', `${script}\ncomplete -p latticeport`]);
    expect(stdout).toBe('complete -o default -F _latticeport latticeport\n');
  });
});

test('zsh and fish get every command and option, with words that quotes do not end', async () => {
  const zsh = (await runCommand(['completion', 'zsh'])).output;
  expect(zsh).toMatch(/^#compdef latticeport$/m);
  expect(zsh).toMatch(/^ {4}'user enable'\) .*flags=\(.*'--server:the server \(default: the only one\)'/m);
  // Where that shell is not installed bash can still judge the quotes: they have the same rules.
  const quotes = zsh.split('\n').filter((line) => /^ {4}'/.test(line));
  expect(quotes.length).toBeGreaterThan(30);
  for (const line of quotes) {
    await run('bash', ['--norc', '-n', '-c', `case x in\n${line}\nesac`]);
  }
  const fish = (await runCommand(['completion', 'fish'])).output;
  expect(fish).toContain(
    `complete -c latticeport -n '__latticeport_at \\'user create\\'' -s r -l role -r -d 'its role, which`,
  );
  expect(fish).toContain(`complete -c latticeport -n '__latticeport_at \\'\\'' -f -a 'server' -d 'the SFTP servers`);
});
