import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/policy/config-error.ts';
import { runCommand } from '../run-command.ts';

let folder = '';
let config = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latticeport-commands-'));
  config = join(folder, 'latticeport.json');
  const management = {
    storages: { files: { type: 'memory' } },
    roles: [{ arn: 'arn:aws:iam::*:role/*', buckets: '*' }],
  };
  writeFileSync(config, JSON.stringify({ management }));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]): Promise<string> {
  return (await runCommand([...args, '--config', config])).output;
}

async function madeKey(...args: string[]): Promise<{ accessKeyId: string; secretAccessKey: string; role: string }> {
  return JSON.parse(await run('access-key', 'create', '--json', ...args)) as Awaited<ReturnType<typeof madeKey>>;
}

describe('access-key', () => {
  test('is made, listed without its secret, disabled and deleted', async () => {
    expect(await run('access-key', 'list')).toContain('access-key create');
    const { accessKeyId, secretAccessKey } = await madeKey('--role', 'operator', '--description', 'the night shift');

    const listed = await run('access-key', 'list');
    expect(listed).toMatch(new RegExp(`^${accessKeyId} +operator .*"the night shift"\n$`));
    expect(listed).not.toContain(secretAccessKey);
    expect(await run('access-key', 'list', '--json')).not.toContain(secretAccessKey);

    await run('access-key', 'disable', accessKeyId);
    expect(await run('access-key', 'list')).toContain('disabled');
    await run('access-key', 'delete', accessKeyId);
    expect(await run('access-key', 'list')).not.toContain(accessKeyId);
  });

  test('is printed as the variables that clients read', async () => {
    const output = await run('access-key', 'create');
    expect(output).toMatch(/^export AWS_ACCESS_KEY_ID=LPAK[A-Z2-7]{16}$/m);
    expect(output).toMatch(/^export AWS_SECRET_ACCESS_KEY=\S{40}$/m);
    expect(output).toContain('--endpoint-url http://127.0.0.1:8122');
  });

  test('is limited to servers with a tag', async () => {
    await madeKey('--server-tag', 'team=billing');
    expect(await run('access-key', 'list')).toContain('servers with team=billing');
    await expect(run('access-key', 'create', '--server-tag', 'billing')).rejects.toThrow('expected key=value');
  });

  test('of another id is not there', async () => {
    await expect(run('access-key', 'disable', 'LPAKNONE')).rejects.toThrow('there is no access key LPAKNONE');
  });

  test('needs a configuration with the section', async () => {
    writeFileSync(config, JSON.stringify({ hostKeys: ['key'], storage: { type: 'memory' } }));
    await expect(run('access-key', 'list')).rejects.toThrow('has no section "management"');
  });
});

describe('audit', () => {
  test('says who has changed what, newest first, page by page, and no secret', async () => {
    expect(await run('audit')).toBe('Nothing has been changed.\n');
    const { accessKeyId, secretAccessKey } = await madeKey();
    await run('access-key', 'delete', accessKeyId);

    const output = await run('audit');
    const heads = output.split('\n').filter((line) => /^\d/.test(line));
    expect(heads).toHaveLength(2);
    expect(heads[0]).toMatch(new RegExp(`latticeport  DeleteAccessKey  ${accessKeyId}$`));
    expect(heads[1]).toMatch(new RegExp(`latticeport  CreateAccessKey  ${accessKeyId}$`));
    expect(output).not.toContain(secretAccessKey);

    const [newest] = JSON.parse(await run('audit', '--json', '--limit', '1')) as { revision: number }[];
    expect(newest).toMatchObject({ operation: 'DeleteAccessKey', accessKeyId: 'latticeport' });
    const older = await run('audit', '--json', '--before', String(newest?.revision));
    expect(JSON.parse(older)).toMatchObject([{ operation: 'CreateAccessKey' }]);
    await expect(run('audit', '--limit', '0')).rejects.toThrow('expected a number from 1 on');
  });
});

describe('state rotate-secrets', () => {
  test('makes the keys before needless', async () => {
    const { accessKeyId } = await madeKey();
    const keys = join(folder, 'state', 'secret.key');
    const before = readFileSync(keys, 'utf8');
    const added = `new:${randomBytes(32).toString('base64')}\n`;
    writeFileSync(keys, added + before);
    expect(await run('state', 'rotate-secrets')).toBe('1 secret is encrypted under the first key.\n');

    writeFileSync(keys, added);
    expect(await run('access-key', 'list')).toContain(accessKeyId);
    writeFileSync(keys, before);
    await expect(run('access-key', 'list')).rejects.toThrow('the state cannot be opened');
  });
});

describe('secretKeyEnvironment', () => {
  const VARIABLE = 'LATTICEPORT_TEST_STATE_KEYS';
  const line = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
  const [first, second] = [line('k1'), line('k2')];

  beforeEach(() => {
    const { management } = JSON.parse(readFileSync(config, 'utf8')) as { management: object };
    writeFileSync(config, JSON.stringify({ management: { ...management, secretKeyEnvironment: VARIABLE } }));
  });

  afterEach(() => {
    Reflect.deleteProperty(process.env, VARIABLE);
  });

  test('has the keys, and no file is made', async () => {
    process.env[VARIABLE] = first;
    const { accessKeyId } = await madeKey();
    expect(await run('access-key', 'list')).toContain(accessKeyId);
    expect(readdirSync(join(folder, 'state'))).toEqual(['latticeport.db']);
    process.env[VARIABLE] = second;
    await expect(run('access-key', 'list')).rejects.toThrow('the state cannot be opened');
  });

  test('can be rotated, and says what is not done with that', async () => {
    process.env[VARIABLE] = first;
    const { accessKeyId } = await madeKey();
    process.env[VARIABLE] = `${second}\n${first}`;
    const said = await run('state', 'rotate-secrets');
    expect(said).toMatch(/^1 secret is encrypted under the first key\.\n/);
    expect(said).toContain(`knows ${VARIABLE} of its own environment only`);
    for (const secret of [first, second]) expect(said).not.toContain(secret.slice(3));
    process.env[VARIABLE] = second;
    expect(await run('access-key', 'list')).toContain(accessKeyId);
    process.env[VARIABLE] = first;
    await expect(run('access-key', 'list')).rejects.toThrow('the state cannot be opened');
  });

  test.each([
    ['is not set', undefined, 'is not set'],
    ['is empty', '', 'holds no key'],
    ['is no line of a key', 'hunter2', 'line 1: id:key is expected'],
    ['has a key of another length', 'k1:c2hvcnQ=', 'line 1: 32 bytes in base64 or hexadecimal are expected'],
    ['has an id twice', `${first}\n${first}`, 'line 2: there are two keys "k1"'],
  ])('is refused where the variable %s', async (_, value, problem) => {
    if (value !== undefined) process.env[VARIABLE] = value;
    const refused = run('access-key', 'list');
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(
      `${config}: $.management.secretKeyEnvironment: the environment's ${VARIABLE}`,
    );
    await expect(refused).rejects.toThrow(problem);
    await expect(refused).rejects.toThrow('expected keys as lines "id:key"');
    await expect(refused).rejects.not.toThrow('hunter2');
  });

  test('and a file exclude each other; the name is one of a variable', () => {
    const { management } = JSON.parse(readFileSync(config, 'utf8')) as { management: object };
    const load = (settings: object) => () =>
      parseConfig(JSON.stringify({ management: { ...management, ...settings } }), config);
    expect(load({ secretKeyFile: 'x' })).toThrow('take away this or "secretKeyFile"');
    expect(load({ secretKeyEnvironment: 'A B' })).toThrow('expected the name of a variable');
  });
});
