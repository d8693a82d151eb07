import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
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
