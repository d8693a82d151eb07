import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { newPrivateKey, newPublicKey, ROLE } from '../../management/operations/test-installation.ts';
import { runCommand, type CommandResult } from '../run-command.ts';
import { startHandlersApi, type HandlersApi } from './api-of-handlers.ts';

const directory = mkdtempSync(join(tmpdir(), 'latticeport-day-'));
let api: HandlersApi;

beforeEach(async () => {
  api = await startHandlersApi();
});
afterEach(() => {
  api.stop();
});

function run(...args: string[]): Promise<CommandResult> {
  return runCommand(args, { environment: api.environment });
}

async function json(...args: string[]): Promise<unknown> {
  return JSON.parse((await run(...args, '--json')).output);
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

test("an operator's day", async () => {
  const made = await run('server', 'create', '--port', '2207', '--set-stat', 'ENABLE_NO_OP', '--tag', 'team=edi');
  const [, id = ''] = /^(s-[0-9a-f]{17}) is ONLINE on port 2207, host key SHA256:\S+$/m.exec(made.output) ?? [];
  expect(id).not.toBe('');
  await run('server', 'update', '--banner', file('banner', 'Authorized use only\n'), '--untag', 'team');
  expect(await json('server', 'describe')).toMatchObject({
    ServerId: id,
    PreAuthenticationLoginBanner: 'Authorized use only\n',
    ProtocolDetails: { SetStatOption: 'ENABLE_NO_OP', SftpPorts: [{ SftpPort: 2207 }] },
  });
  await expect(run('server', 'update', '--port', '2208')).rejects.toThrow(
    'must be OFFLINE to change ProtocolDetails.SftpPorts',
  );
  await run('server', 'stop');
  await run('server', 'update', '--port', '2208');
  expect((await run('server', 'start')).output).toMatch(`${id} is ONLINE on port 2208`);
  expect(await json('server', 'describe')).toMatchObject({
    ProtocolDetails: { SetStatOption: 'ENABLE_NO_OP', SftpPorts: [{ SftpPort: 2208 }] },
  });

  const first = newPublicKey('first').trim();
  const second = newPublicKey('second').trim();
  await run('user', 'create', 'acme', '-r', ROLE, '-m', '/in=/invoices/in', '-m', '/out=/reports/out', '-k', first);
  await run('key', 'add', '-u', 'acme', second);
  await run('key', 'remove', '-u', 'acme', first);
  const keys = (await json('key', 'list', '-u', 'acme')) as { SshPublicKeyBody: string }[];
  expect(keys.map(({ SshPublicKeyBody }) => SshPublicKeyBody)).toEqual([second]);
  await run('user', 'disable', 'acme');
  const tagsOfAcme = () => api.store.snapshot.users.get(id)?.get('acme')?.tags;
  expect(tagsOfAcme()).toEqual([{ Key: 'latticeport:disabled', Value: 'true' }]);
  await run('user', 'enable', 'acme');
  expect(tagsOfAcme()).toEqual([]);
  await expect(run('user', 'update', 'acme', '--tag', 'latticeport:disabled=maybe')).rejects.toThrow(
    /expected true or false/,
  );
  await expect(run('user', 'update', 'nobody', '--tag', 'a=b')).rejects.toThrow('Unknown user: nobody');

  const imported = await run('host-key', 'import', file('host-key', newPrivateKey()), '--description', 'of 2024');
  const [, hostKey = ''] = /^(hostkey-[0-9a-f]{17}): .* has ssh-ed25519 SHA256:/.exec(imported.output) ?? [];
  // One of each type was made with the server.
  expect(imported.output).toMatch(/^ {2}before it signs, (hostkey-\S+) of the same type has to go: .* delete \1$/m);
  expect((await run('host-key', 'list')).output).toContain('of 2024');
  await run('host-key', 'delete', hostKey);
  expect(await json('host-key', 'list')).not.toContainEqual(expect.objectContaining({ HostKeyId: hostKey }));

  const policies = (await json('security-policy', 'list')) as string[];
  expect(policies).toContain('TransferPQSecurityPolicy-2026-11');
  expect((await run('security-policy', 'describe', 'TransferPQSecurityPolicy-2026-11')).output).toMatch(
    /^SshKexs +mlkem/m,
  );

  expect((await run('server', 'stop')).output).toMatch(`${id} is OFFLINE`);
  expect((await run('server', 'start')).output).toMatch(`${id} is ONLINE`);
  await run('user', 'delete', 'acme');
  expect((await run('user', 'list')).output).toBe(`${id} has no users\n`);
  await run('server', 'delete', id);
  await expect(run('server', 'describe', id)).rejects.toThrow(id);
});

test('what Transfer Family describes is made, and found again by the next run', async () => {
  const hostKey = newPrivateKey();
  const server = {
    Arn: 'arn:aws:transfer:eu-central-1:123456789012:server/s-0123456789abcdef0',
    ServerId: 's-0123456789abcdef0',
    Protocols: ['SFTP'],
    EndpointType: 'VPC',
    EndpointDetails: { VpcId: 'vpc-1' },
    SecurityPolicyName: 'TransferSecurityPolicy-2025-03',
    ProtocolDetails: { PassiveIp: 'AUTO', SetStatOption: 'ENABLE_NO_OP' },
    State: 'OFFLINE',
    Tags: [{ Key: 'team', Value: 'edi' }],
    UserCount: 2,
  };
  const user = {
    Role: ROLE,
    HomeDirectoryType: 'LOGICAL',
    HomeDirectoryMappings: [{ Entry: '/', Target: '/invoices/${transfer:UserName}' }],
    Policy: '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}',
    PosixProfile: { Uid: 1000, Gid: 100, SecondaryGids: [5] },
    SshPublicKeys: ['a', 'b', 'c'].map((comment) => ({ SshPublicKeyBody: newPublicKey(comment) })),
    Tags: [{ Key: 'partner', Value: 'yes' }],
  };
  const bob = { UserName: 'bob', Role: ROLE, HomeDirectory: '/invoices/bob', HomeDirectoryType: 'PATH' };
  const files = [
    file('server.json', JSON.stringify({ Server: server })),
    file(
      'users.json',
      [{ ...user, UserName: 'acme' }, bob]
        .map((User) => JSON.stringify({ ServerId: server.ServerId, User }))
        .join('\n'),
    ),
  ];
  const first = await run('import', 'transfer-family', '--host-key', file('old', hostKey), '--port', '2210', ...files);
  expect(first.output).toMatch(/ is OFFLINE on port 2210, host key SHA256:/);
  expect(first.output).toMatch(/^3 made; 3 members have no counterpart$/m);
  expect(first.exitCode).toBe(0);
  const { revision } = api.store.snapshot;
  const second = await run('import', 'transfer-family', '--port', '2210', ...files);
  expect(second.output).toMatch(/^3 there already; 3 members have no counterpart$/m);
  expect(api.store.snapshot.revision).toBe(revision);
  const [stored] = [...api.store.snapshot.users.values()].map((users) => users.get('acme'));
  expect(stored?.keys).toHaveLength(3);
  expect(JSON.stringify(api.lines)).not.toContain('PRIVATE KEY');
});

test('a key that may only read is told so, and a wrong secret too', async () => {
  const reader = await startHandlersApi({ role: 'read-only' });
  try {
    const as = (more: object, ...args: string[]) =>
      runCommand(args, { environment: { ...reader.environment, ...more } });
    expect((await as({}, 'server', 'list')).output).toBe('there is no server\n');
    await expect(as({}, 'server', 'create')).rejects.toThrow(/read-only/);
    await expect(as({ AWS_SECRET_ACCESS_KEY: 'another' }, 'server', 'list')).rejects.toThrow(/signature/i);
    await expect(as({ AWS_ACCESS_KEY_ID: 'LPAKBBBBBBBBBBBBBBBB' }, 'server', 'list')).rejects.toThrow(
      /access key|security token/i,
    );
  } finally {
    reader.stop();
  }
});

test('many users come over in one go, whatever the rate limit', async () => {
  const { publicKey } = generatePrivateKey('ed25519');
  const users = Array.from({ length: 150 }, (_, index) => ({
    ServerId: 's-0123456789abcdef0',
    User: {
      UserName: `user-${index}`,
      Role: ROLE,
      HomeDirectory: '/invoices',
      SshPublicKeys: [{ SshPublicKeyBody: publicKey }],
    },
  }));
  await run('server', 'create');
  const [id = ''] = api.store.snapshot.servers.keys();
  const { output, exitCode } = await run(
    'import',
    'transfer-family',
    '--server',
    id,
    file('many.json', JSON.stringify(users)),
  );
  expect(output).toMatch(/^150 made$/m);
  expect(exitCode).toBe(0);
  expect(await json('user', 'list')).toHaveLength(150);
});
