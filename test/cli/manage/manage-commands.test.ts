import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CliError } from '../../../src/cli/cli-error.ts';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../../src/crypto/keys/public-key.ts';
import { selfSigned } from '../doctor/self-signed.ts';
import { CommanderError, runCommand, type CommandResult } from '../run-command.ts';
import { ApiDouble, fingerprint } from './api-double.ts';

const ROLE = 'arn:aws:iam::000000000000:role/sftp';
const directory = mkdtempSync(join(tmpdir(), 'latticeport-manage-'));
let api: ApiDouble;

beforeEach(async () => {
  api = await ApiDouble.start();
});
afterEach(() => api.stop());

function run(...args: string[]): Promise<CommandResult> {
  return runCommand(args, { environment: api.environment });
}

/** What the command prints as JSON. */
async function json(...args: string[]): Promise<unknown> {
  return JSON.parse((await run(...args, '--json')).output);
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function newKey(comment: string): { readonly line: string; readonly fingerprint: string; readonly privateKey: string } {
  const { publicKey, privateKey } = generatePrivateKey('ed25519', undefined, comment);
  return { line: publicKey.trim(), fingerprint: parseAuthorizedKey(publicKey).fingerprint, privateKey };
}

describe('where the API is, and who calls', () => {
  test('is said by options or the environment; what is missing is named', async () => {
    const without = (...names: string[]): NodeJS.ProcessEnv =>
      Object.fromEntries(Object.entries(api.environment).filter(([name]) => !names.includes(name)));
    const list = (environment: NodeJS.ProcessEnv, ...args: string[]) =>
      runCommand(['server', 'list', ...args], { environment });
    await expect(list(without('AWS_ENDPOINT_URL_TRANSFER'))).rejects.toThrow(
      /--endpoint-url.*AWS_ENDPOINT_URL_TRANSFER/,
    );
    await expect(list(without('AWS_SECRET_ACCESS_KEY'))).rejects.toThrow(/AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/);
    await expect(list(api.environment, '--endpoint-url', 'localhost:1')).rejects.toThrow(/"localhost:1" is no URL/);
    expect((await list(without('AWS_ENDPOINT_URL_TRANSFER'), '--endpoint-url', api.url)).output).toBe(
      'there is no server\n',
    );
    const general = { ...without('AWS_ENDPOINT_URL_TRANSFER'), AWS_ENDPOINT_URL: api.url };
    expect((await list(general)).output).toBe('there is no server\n');
    await list(api.environment, '--region', 'eu-central-1');
    expect(
      api.calls.map(({ authorization }) => /Credential=(\S+),/.exec(authorization)?.[1]?.replace(/\d{8}/, 'DAY')),
    ).toEqual([
      'LPAKTEST/DAY/us-east-1/transfer/aws4_request',
      'LPAKTEST/DAY/us-east-1/transfer/aws4_request',
      'LPAKTEST/DAY/eu-central-1/transfer/aws4_request',
    ]);
  });

  test('an API that does not answer is one line', async () => {
    const { url, environment } = api;
    await api.stop();
    const list = runCommand(['server', 'list'], { environment });
    await expect(list).rejects.toThrow(new RegExp(`^${url} does not answer: .*ECONNREFUSED`));
    api = await ApiDouble.start();
  });

  test('over TLS the CA is that of --ca-file or AWS_CA_BUNDLE; an unknown one is told with what to do', async () => {
    const tls = selfSigned();
    const secure = await ApiDouble.start(tls);
    try {
      const { environment } = secure;
      const ca = file('ca.pem', tls.cert);
      const list = (more: NodeJS.ProcessEnv, ...args: string[]) =>
        runCommand(['server', 'list', ...args], { environment: { ...environment, ...more } });
      await expect(list({})).rejects.toThrow(new RegExp(`^${secure.url}: its certificate is not trusted .*--ca-file$`));
      await expect(list({}, '--ca-file', '/no/such')).rejects.toThrow(/^\/no\/such cannot be read: ENOENT/);
      // It is trusted then, but is of another name.
      await expect(list({}, '--ca-file', ca)).rejects.toThrow(/altnames|does not match/i);
      await expect(list({ AWS_CA_BUNDLE: ca })).rejects.toThrow(/altnames|does not match/i);
    } finally {
      await secure.stop();
    }
  });

  test('what is no management API is told', async () => {
    const page = createServer((_, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await once(page, 'listening');
    try {
      const url = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
      const list = run('server', 'list', '--endpoint-url', url);
      await expect(list).rejects.toThrow(new RegExp(`^${url}: what answers there is no management API`));
    } finally {
      page.close();
      page.closeAllConnections();
    }
  });

  test('what the API refuses is its message, as an error of the command line', async () => {
    const refused = run('server', 'describe', 's-00000000000000000');
    await expect(refused).rejects.toThrow(CliError);
    await expect(refused).rejects.toThrow(/^Unknown server: s-0{17}$/);
    api.refusals.push({
      operation: 'ListServers',
      exception: 'AccessDeniedException',
      message: 'read-only\n\u001b[31mkey',
    });
    await expect(run('server', 'list')).rejects.toThrow('read-only \\x1b[31mkey');
  });

  test('a rate limit is waited for; other refusals are not repeated', async () => {
    const throttled = { operation: 'ListServers', exception: 'ThrottlingException', message: 'slowly' };
    api.refusals.push({ ...throttled, members: { RetryAfterSeconds: '0.01' } }, throttled);
    expect((await run('server', 'list')).output).toBe('there is no server\n');
    expect(api.calls).toHaveLength(3);
    api.refusals.push({ operation: 'CreateServer', exception: 'InternalServiceError', message: 'lost' });
    await expect(run('server', 'create')).rejects.toThrow('lost');
    expect(api.changes()).toEqual(['CreateServer']);
  });
});

describe('server', () => {
  test('is made with its port, described, changed, stopped, started, deleted', async () => {
    const banner = file('banner.txt', 'Authorized use only\n');
    const created = await run(
      ...['server', 'create', '--port', '2222', '--security-policy', 'TransferSecurityPolicy-2025-03'],
      ...['--banner', banner, '--tag', 'team=edi', '--tag', 'empty='],
    );
    const id = 's-00000000000000001';
    expect(created.output).toBe(`${id} is ONLINE on port 2222, host key ${fingerprint(id)}\n`);
    expect(api.calls[0]?.input).toEqual({
      ProtocolDetails: { SftpPorts: [{ SftpPort: 2222 }] },
      SecurityPolicyName: 'TransferSecurityPolicy-2025-03',
      PreAuthenticationLoginBanner: 'Authorized use only\n',
      Tags: [
        { Key: 'team', Value: 'edi' },
        { Key: 'empty', Value: '' },
      ],
    });
    const described = (await run('server', 'describe')).output;
    expect(described).toMatch(/^PreAuthenticationLoginBanner +Authorized use only$/m);
    expect(described).toMatch(/^ProtocolDetails +SftpPorts: \[\{"SftpPort":2222\}\]$/m);
    expect(described).toMatch(/^Tags +Key: team {2}Value: edi$/m);
    await run('server', 'update', '--set-stat', 'ENABLE_NO_OP', '--tag', 'team=web', '--untag', 'empty');
    expect(await json('server', 'describe')).toMatchObject({
      // The port stays.
      ProtocolDetails: { SetStatOption: 'ENABLE_NO_OP', SftpPorts: [{ SftpPort: 2222 }] },
      SecurityPolicyName: 'TransferSecurityPolicy-2025-03',
      Tags: [{ Key: 'team', Value: 'web' }],
    });
    await expect(run('server', 'update')).rejects.toThrow(/what shall change/);
    expect((await run('server', 'stop')).output).toMatch(`${id} is OFFLINE`);
    expect((await run('server', 'list')).output).toMatch(/^s-00000000000000001 +OFFLINE +0 +SERVICE_MANAGED +S3$/m);
    expect((await run('server', 'start', id)).output).toMatch(`${id} is ONLINE`);
    expect((await run('server', 'delete', id)).output).toBe(`${id} is deleted\n`);
    expect(await json('server', 'list')).toEqual([]);
  });

  test('takes members that have no option from a file, and a host key', async () => {
    const input = file('server.json', '{"S3StorageOptions":{"DirectoryListingOptimization":"ENABLED"}}');
    const { privateKey } = newKey('host');
    await run('server', 'create', '--input', input, '--host-key', file('host', privateKey));
    expect(api.calls[0]?.input).toEqual({
      S3StorageOptions: { DirectoryListingOptimization: 'ENABLED' },
      HostKey: privateKey,
    });
    await expect(run('server', 'create', '--input', file('list.json', '[]'))).rejects.toThrow(
      /list\.json: expected an object/,
    );
    await expect(run('server', 'create', '--port', '70000')).rejects.toThrow(CommanderError);
  });

  test('exits with 1 where its port could not be opened', async () => {
    await run('server', 'create');
    api.refusals.push({ operation: 'StartServer', exception: 'ConflictException', message: 'port 2201 is in use' });
    await expect(run('server', 'start')).rejects.toThrow('port 2201 is in use');
    api.startState = 'START_FAILED';
    const started = await run('server', 'start');
    expect(started.output).toMatch(/^s-0{16}1 is START_FAILED on port 2201,/);
    expect(started.exitCode).toBe(1);
  });

  test('has to be named where there are several, over all pages of the list', async () => {
    await expect(run('user', 'list')).rejects.toThrow('there is no server: make one with latticeport server create');
    for (let servers = 0; servers < 5; servers++) await run('server', 'create');
    expect(await json('server', 'list')).toHaveLength(5);
    await expect(run('user', 'list')).rejects.toThrow(/^which server\? There are 5: s-0{16}1, s-0{16}2, /);
    expect((await run('user', 'list', '--server', 's-00000000000000003')).output).toBe(
      's-00000000000000003 has no users\n',
    );
  });
});

describe('user', () => {
  beforeEach(() => run('server', 'create'));

  test('is made with mappings, a session policy and a key, changed, disabled, enabled, deleted', async () => {
    const key = newKey('acme');
    const policy = file('policy.json', '{"Statement": []}');
    const made = await run(
      ...['user', 'create', 'acme', '--role', ROLE, '--map', '/in=/bucket/in', '--map', '/out=/other/out=1'],
      ...['--policy', policy, '--posix', '1000:100,101', '--key', key.line, '--tag', 'latticeport:comment=a=b'],
    );
    expect(made.output).toBe('user acme of s-00000000000000001 is made\n');
    expect(api.calls.at(-1)?.input).toEqual({
      ServerId: 's-00000000000000001',
      UserName: 'acme',
      Role: ROLE,
      HomeDirectoryType: 'LOGICAL',
      HomeDirectoryMappings: [
        { Entry: '/in', Target: '/bucket/in' },
        { Entry: '/out', Target: '/other/out=1' },
      ],
      Policy: '{"Statement": []}',
      PosixProfile: { Uid: 1000, Gid: 100, SecondaryGids: [101] },
      SshPublicKeyBody: key.line,
      Tags: [{ Key: 'latticeport:comment', Value: 'a=b' }],
    });
    expect((await run('user', 'list')).output).toMatch(/^acme +1 +LOGICAL +arn:aws:iam::000000000000:role\/sftp$/m);

    await run('user', 'update', 'acme', '--home', '/bucket/acme');
    expect(api.calls.at(-1)?.input).toEqual({
      ServerId: 's-00000000000000001',
      UserName: 'acme',
      HomeDirectory: '/bucket/acme',
    });

    api.changes();
    expect((await run('user', 'disable', 'acme')).output).toMatch('acme of s-00000000000000001 cannot log in');
    expect(await json('user', 'describe', 'acme')).toMatchObject({
      Tags: [
        { Key: 'latticeport:comment', Value: 'a=b' },
        { Key: 'latticeport:disabled', Value: 'true' },
      ],
    });
    await run('user', 'enable', 'acme');
    expect(await json('user', 'describe', 'acme')).toMatchObject({ Tags: [{ Key: 'latticeport:comment' }] });
    await run('user', 'update', 'acme', '--untag', 'latticeport:comment');
    expect(api.changes()).toEqual(['TagResource', 'UntagResource', 'UntagResource']);

    await run('user', 'delete', 'acme');
    await expect(run('user', 'describe', 'acme')).rejects.toThrow('Unknown User: acme');
  });

  test('needs a role, of an option or the file of members', async () => {
    await expect(run('user', 'create', 'acme')).rejects.toThrow(/which role\?/);
    await run(
      'user',
      'create',
      'acme',
      '--input',
      file('user.json', JSON.stringify({ Role: ROLE, HomeDirectory: '/b/x' })),
    );
    expect(await json('user', 'describe', 'acme')).toMatchObject({ Role: ROLE, HomeDirectory: '/b/x' });
    await expect(run('user', 'create', 'acme', '--role', ROLE)).rejects.toThrow('User acme exists');
  });

  test('lists follow all pages', async () => {
    for (const name of ['ann', 'bob', 'cem', 'dea', 'eve']) await run('user', 'create', name, '--role', ROLE);
    expect(await json('user', 'list')).toHaveLength(5);
    expect(api.calls.filter(({ operation }) => operation === 'ListUsers')).toHaveLength(3);
  });

  test('wrong options are told before the API is asked', async () => {
    const before = api.calls.length;
    for (const wrong of [
      ['--map', 'in=/bucket'],
      ['--posix', '1000'],
      ['--tag', '=x'],
    ]) {
      await expect(run('user', 'create', 'acme', '--role', ROLE, ...wrong)).rejects.toThrow(CommanderError);
    }
    expect(api.calls).toHaveLength(before);
  });
});

describe('key', () => {
  beforeEach(async () => {
    await run('server', 'create');
    await run('user', 'create', 'acme', '--role', ROLE);
  });

  test('is added from a line or a file, listed, and removed by any name', async () => {
    const keys = ['one', 'two', 'three', 'four'].map(newKey);
    for (const [index, { line }] of keys.entries()) {
      await run('key', 'add', '--user', 'acme', index % 2 === 0 ? line : file(`${index}.pub`, `# a key\n${line}\n`));
    }
    const [one, two, three, four] = keys;
    const listed = (await run('key', 'list', '-u', 'acme')).output;
    expect(listed).toContain(`ssh-ed25519  ${two?.fingerprint ?? ''}  2026-`);
    expect(listed).toMatch(/ two$/m);
    const remove = (name = ''): Promise<CommandResult> => run('key', 'remove', '-u', 'acme', name);
    await remove(one?.fingerprint);
    await remove(two?.line.replace(' two', ' another comment'));
    await remove(file('3.pub', `${three?.line ?? ''}\n`));
    await expect(remove(three?.line)).rejects.toThrow('user acme has no such key');
    const [last, ...more] = (await json('key', 'list', '-u', 'acme')) as {
      SshPublicKeyId: string;
      SshPublicKeyBody: string;
    }[];
    expect(more).toEqual([]);
    expect(last?.SshPublicKeyBody).toBe(four?.line);
    await remove(last?.SshPublicKeyId);
    expect((await run('key', 'list', '-u', 'acme')).output).toBe('user acme has no keys\n');
  });

  test('a private key is not sent', async () => {
    api.changes();
    await expect(run('key', 'add', '-u', 'acme', file('private', newKey('x').privateKey))).rejects.toThrow(
      /private is a private key: name its \.pub file/,
    );
    await expect(run('key', 'add', '-u', 'acme', 'no-such-file')).rejects.toThrow(/neither a file nor a line/);
    const two = file('two', `${newKey('a').line}\n${newKey('b').line}\n`);
    await expect(run('key', 'add', '-u', 'acme', two)).rejects.toThrow(/expected one public key, found 2 lines/);
    expect(api.changes()).toEqual([]);
  });
});

test('host-key: imported, listed, described, deleted', async () => {
  await run('server', 'create');
  const { privateKey, line } = newKey('host');
  await expect(run('host-key', 'import', file('host.pub', line))).rejects.toThrow(/host\.pub is no private key/);
  const imported = await run('host-key', 'import', file('host-key', privateKey), '--description', 'of 2024');
  expect(imported.output).toBe(
    `hostkey-00000000000000002: s-00000000000000001 has ssh-ed25519 ${fingerprint(privateKey)}\n`,
  );
  expect((await run('host-key', 'list')).output).toMatch(
    /^hostkey-0{16}2 +ssh-ed25519 +SHA256:\S+ +2026-\S+ \S+Z +of 2024$/m,
  );
  expect((await run('host-key', 'describe', 'hostkey-00000000000000002')).output).toMatch(/^Description +of 2024$/m);
  await run('host-key', 'delete', 'hostkey-00000000000000002');
  expect(await json('host-key', 'list')).toEqual([]);
});

test('security-policy: what the running installation has', async () => {
  expect((await run('security-policy', 'list')).output.split('\n')).toContain('TransferPQSecurityPolicy-2026-11');
  const described = (await run('security-policy', 'describe', 'TransferSecurityPolicy-2025-03')).output;
  expect(described).toMatch(/^SshKexs +mlkem768x25519-sha256$/m);
});
