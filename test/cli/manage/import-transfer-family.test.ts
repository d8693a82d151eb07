import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { runCommand, type CommandResult } from '../run-command.ts';
import { ApiDouble, fingerprint } from './api-double.ts';

const THERE = 's-0123456789abcdef0';
const HERE = 's-00000000000000001';
const ROLE = 'arn:aws:iam::123456789012:role/transfer-access';
const directory = mkdtempSync(join(tmpdir(), 'latticeport-import-'));
const keys = ['one', 'two', 'three'].map((comment) =>
  generatePrivateKey('ed25519', undefined, comment).publicKey.trim(),
);
let api: ApiDouble;

beforeEach(async () => {
  api = await ApiDouble.start();
});
afterEach(() => api.stop());

/** A server as the aws CLI describes it, with all that has no counterpart. */
const SERVER = {
  Arn: `arn:aws:transfer:eu-central-1:123456789012:server/${THERE}`,
  Certificate: 'arn:aws:acm:eu-central-1:123456789012:certificate/1',
  ProtocolDetails: { PassiveIp: 'AUTO', TlsSessionResumptionMode: 'ENFORCED', SetStatOption: 'ENABLE_NO_OP' },
  Domain: 'S3',
  EndpointDetails: { AddressAllocationIds: [], SubnetIds: ['subnet-1'], VpcEndpointId: 'vpce-1', VpcId: 'vpc-1' },
  EndpointType: 'VPC',
  HostKeyFingerprint: 'SHA256:AAAA=',
  IdentityProviderType: 'SERVICE_MANAGED',
  LoggingRole: 'arn:aws:iam::123456789012:role/logs',
  PostAuthenticationLoginBanner: '',
  PreAuthenticationLoginBanner: 'Authorized use only',
  Protocols: ['SFTP', 'FTPS'],
  SecurityPolicyName: 'TransferSecurityPolicy-2025-03',
  ServerId: THERE,
  State: 'ONLINE',
  Tags: [
    { Key: 'team', Value: 'edi' },
    { Key: 'aws:transfer:customHostname', Value: 'sftp.example.com' },
  ],
  UserCount: 2,
  WorkflowDetails: { OnUpload: [{ WorkflowId: 'w-1', ExecutionRole: ROLE }], OnPartialUpload: [] },
  StructuredLogDestinations: ['arn:aws:logs:eu-central-1:123456789012:log-group:sftp:*'],
  S3StorageOptions: { DirectoryListingOptimization: 'ENABLED' },
  SomethingNew: 'x',
};

const ACME = {
  Arn: `arn:aws:transfer:eu-central-1:123456789012:user/${THERE}/acme`,
  HomeDirectoryMappings: [{ Entry: '/in', Target: '/bucket/in', Type: 'DIRECTORY' }],
  HomeDirectoryType: 'LOGICAL',
  Policy: '{"Version":"2012-10-17","Statement":[]}',
  PosixProfile: { Uid: 1000, Gid: 100, SecondaryGids: [1] },
  Role: ROLE,
  SshPublicKeys: keys.slice(0, 2).map((SshPublicKeyBody, index) => ({
    DateImported: '2024-05-06T07:08:09.123000+00:00',
    SshPublicKeyBody: `${SshPublicKeyBody}\n`,
    SshPublicKeyId: `key-${index}`,
  })),
  Tags: [{ Key: 'partner', Value: 'acme' }],
  UserName: 'acme',
};

const EVE = { HomeDirectory: '/bucket/eve', HomeDirectoryType: 'PATH', Role: ROLE, SshPublicKeys: [], UserName: 'eve' };

function file(name: string, ...answers: unknown[]): string {
  const path = join(directory, name);
  // Several answers one after the other, as a loop of a shell leaves them.
  writeFileSync(path, answers.map((answer) => `${JSON.stringify(answer, null, 4)}\n`).join(''));
  return path;
}

const serverFile = (changes: object = {}): string => file('server.json', { Server: { ...SERVER, ...changes } });
const userFile = (...users: object[]): string =>
  file('users.json', ...users.map((User) => ({ ServerId: THERE, User })));

function run(...args: string[]): Promise<CommandResult> {
  return runCommand(args, { environment: api.environment });
}

function imported(...args: string[]): Promise<CommandResult> {
  return run('import', 'transfer-family', ...args);
}

async function described(...args: string[]): Promise<unknown> {
  return JSON.parse((await run(...args, '--json')).output);
}

describe('import transfer-family', () => {
  test('makes the server and its users, and says member by member what has no counterpart', async () => {
    const { output, exitCode } = await imported(serverFile(), userFile(ACME, EVE));
    expect(exitCode).toBe(0);
    expect(api.changes()).toEqual(['CreateServer', 'CreateUser', 'ImportSshPublicKey', 'CreateUser']);
    expect(output).toContain(`server ${THERE}, here ${HERE}: made\n  ${HERE} is ONLINE on port 2201, host key SHA256:`);
    const lost = [...output.matchAll(/^ {2}no counterpart: (\S+(?: aws:\S+)?) /gm)].map(([, member]) => member);
    expect(lost).toEqual([
      'Certificate',
      'ProtocolDetails.PassiveIp',
      'ProtocolDetails.TlsSessionResumptionMode',
      'EndpointDetails.SubnetIds',
      'EndpointDetails.VpcEndpointId',
      'EndpointDetails.VpcId',
      'EndpointType',
      'LoggingRole',
      'Protocols',
      'WorkflowDetails.OnUpload',
      'StructuredLogDestinations',
      'SomethingNew',
      'Tags aws:transfer:customHostname',
    ]);
    expect(output).toContain(`host key there is SHA256:AAAA=, and Transfer Family does not give it out`);
    expect(output).toContain(`latticeport host-key import --server ${HERE} FILE`);
    expect(output).toMatch(/^user acme of s-0{16}1: made\n {2}with 2 keys$/m);
    expect(output).toMatch(/^user eve of s-0{16}1: made\n {2}it has no key, so that it cannot log in yet$/m);
    expect(output).toMatch(/^3 made; 13 members have no counterpart$/m);

    expect(await described('server', 'describe', HERE)).toMatchObject({
      Protocols: ['SFTP'],
      EndpointType: 'PUBLIC',
      SecurityPolicyName: 'TransferSecurityPolicy-2025-03',
      PreAuthenticationLoginBanner: 'Authorized use only',
      S3StorageOptions: { DirectoryListingOptimization: 'ENABLED' },
      ProtocolDetails: { SetStatOption: 'ENABLE_NO_OP', SftpPorts: [{ SftpPort: 2201 }] },
      Tags: [
        { Key: 'team', Value: 'edi' },
        { Key: 'transfer-family-server', Value: THERE },
      ],
    });
    const { Arn: _, SshPublicKeys, ...settings } = ACME;
    expect(await described('user', 'describe', 'acme')).toMatchObject({
      ...settings,
      SshPublicKeys: SshPublicKeys.map(({ SshPublicKeyBody }) => ({ SshPublicKeyBody: SshPublicKeyBody.trim() })),
    });
  });

  test('--dry-run changes nothing and says the same', async () => {
    const { output, exitCode } = await imported('--dry-run', serverFile(), userFile(ACME, EVE));
    expect(exitCode).toBe(0);
    expect(api.changes()).toEqual([]);
    expect(output).toContain(`server ${THERE}: would be made\n`);
    expect(output).toContain('no counterpart: LoggingRole');
    expect(output).toMatch(/^user acme: would be made\n {2}with 2 keys$/m);
    expect(output).toMatch(/^3 would be made; 13 members/m);
  });

  test('a second run changes nothing, and says what differs by now', async () => {
    const files = [serverFile(), userFile(ACME, EVE)];
    await imported(...files);
    api.changes();
    const again = await imported(...files);
    expect(api.changes()).toEqual([]);
    expect(again.output).toContain(`server ${THERE}, here ${HERE}: there already\n`);
    expect(again.output).toMatch(/^user acme of s-0{16}1: there already$/m);
    expect(again.output).toMatch(/^3 there already; /m);

    await run('server', 'update', HERE, '--security-policy', 'TransferPQSecurityPolicy-2026-11');
    await run('user', 'update', 'acme', '--map', '/in=/bucket/other', '--tag', 'partner=other');
    await run('key', 'remove', '-u', 'acme', keys[0] ?? '');
    await run('key', 'add', '-u', 'acme', keys[2] ?? '');
    api.changes();
    const { output, exitCode } = await imported(...files);
    expect(api.changes()).toEqual([]);
    expect(exitCode).toBe(0);
    expect(output).toContain(
      'SecurityPolicyName is TransferPQSecurityPolicy-2026-11 here, TransferSecurityPolicy-2025-03 there\n',
    );
    const acme = /^user acme of .*: differs\n((?: {2}.*\n)+)/m.exec(output)?.[1] ?? '';
    expect(acme).toContain(
      'HomeDirectoryMappings is [{"Entry":"/in","Target":"/bucket/other"}] here, [{"Entry":"/in",',
    );
    expect(acme).toMatch(/the key SHA256:\S+ is missing here\n/);
    expect(acme).toMatch(/the key SHA256:\S+ is here only\n/);
    expect(acme).toContain('the tag partner is other here, acme there\n');
    expect(output).toMatch(/^2 differs, 1 there already; /m);
  });

  test('a policy with other spaces is the same policy', async () => {
    await imported(serverFile(), userFile(ACME));
    const spaced = { ...ACME, Policy: JSON.stringify(JSON.parse(ACME.Policy), null, 2) };
    expect((await imported(userFile(spaced))).output).toMatch(/^user acme of s-0{16}1: there already$/m);
  });

  test('users alone go to the server that stands for theirs, or to the one of --server', async () => {
    const without = await imported(userFile(EVE));
    expect(without.exitCode).toBe(1);
    expect(without.output).toMatch(
      /^user eve: failed\n {2}no server here stands for s-0123456789abcdef0: add the output/m,
    );
    await run('server', 'create');
    expect((await imported('--server', HERE, userFile(EVE))).output).toMatch(/^user eve of s-0{16}1: made$/m);
    await imported(serverFile());
    expect((await imported(userFile(EVE))).output).toMatch(/^user eve of s-0{15}\d\d?: made$/m);
    expect(await described('user', 'list', '--server', HERE)).toHaveLength(1);
  });

  test('what is refused for one user does not stop the others', async () => {
    api.refusals.push({ operation: 'CreateUser', exception: 'InvalidRequestException', message: 'Role: no storage' });
    api.refusals.push({ operation: 'ImportSshPublicKey', exception: 'InvalidRequestException', message: 'ssh-dss' });
    const bob = { ...EVE, UserName: 'bob' };
    const { output, exitCode } = await imported(serverFile(), userFile(EVE, ACME, bob));
    expect(exitCode).toBe(1);
    expect(output).toMatch(/^user eve of \S+: failed\n {2}Role: no storage$/m);
    expect(output).toMatch(/^user acme of \S+: failed\n {2}it is made, but without its key SHA256:\S+ .*: ssh-dss$/m);
    expect(output).toMatch(/^user bob of \S+: made$/m);
  });

  test('a policy that is not here has to be chosen', async () => {
    const files = [serverFile({ SecurityPolicyName: 'TransferSecurityPolicy-2030-01' }), userFile(EVE)];
    const { output, exitCode } = await imported(...files);
    expect(exitCode).toBe(1);
    expect(api.changes()).toEqual([]);
    expect(output).toContain('there is no security policy TransferSecurityPolicy-2030-01 here; choose one with');
    await imported('--security-policy', 'TransferPQSecurityPolicy-2026-11', '--port', '22', ...files);
    expect(await described('server', 'describe', HERE)).toMatchObject({
      SecurityPolicyName: 'TransferPQSecurityPolicy-2026-11',
      ProtocolDetails: { SetStatOption: 'ENABLE_NO_OP', SftpPorts: [{ SftpPort: 22 }] },
    });
  });

  test('with the host key of there nothing is said of it; a stopped server stays stopped', async () => {
    const { privateKey } = generatePrivateKey('ed25519');
    const hostKey = join(directory, 'host-key');
    writeFileSync(hostKey, privateKey);
    const server = serverFile({ HostKeyFingerprint: fingerprint(privateKey).replace(/=+$/, ''), State: 'OFFLINE' });
    const { output } = await imported(server, '--host-key', hostKey);
    expect(api.changes()).toEqual(['CreateServer', 'StopServer']);
    expect(output).toContain(`${HERE} is OFFLINE`);
    expect(output).not.toContain('host-key import');
    expect(output).toContain('it had 2 users there, of which the files describe 0');
  });

  test('of several ports the first is taken, without what is not served', async () => {
    const ports = [{ SftpPort: 2022 }, { SftpPort: 2023, CommunicationMode: 'CLIENT_TALK_FIRST' }];
    const { output } = await imported(serverFile({ ProtocolDetails: { SftpPorts: ports } }));
    expect(output).toContain(`no counterpart: ProtocolDetails.SftpPorts [{"SftpPort":2023,`);
    expect(await described('server', 'describe', HERE)).toMatchObject({
      ProtocolDetails: { SftpPorts: [{ SftpPort: 2022 }] },
    });
    expect((await imported('--port', '2022', serverFile({ ProtocolDetails: { SftpPorts: ports } }))).output).toContain(
      'there already',
    );
  });

  test('other providers and protocols are told; a server without SFTP is left out', async () => {
    const lambda = serverFile({
      IdentityProviderType: 'AWS_LAMBDA',
      IdentityProviderDetails: { Function: 'arn:f', SftpAuthenticationMethods: 'PUBLIC_KEY_AND_PASSWORD' },
    });
    const { output } = await imported(lambda);
    expect(output).toContain(
      'no counterpart: IdentityProviderType AWS_LAMBDA: only users that the server keeps itself',
    );
    expect(output).toContain('no counterpart: IdentityProviderDetails.Function arn:f');
    expect(output).toContain('no counterpart: IdentityProviderDetails.SftpAuthenticationMethods');
    api.changes();
    const as2 = await imported(file('as2.json', { Server: { ...SERVER, ServerId: 's-as2', Protocols: ['AS2'] } }));
    expect(as2.output).toContain('server s-as2: left out\n  it does not serve SFTP\n');
    expect(api.changes()).toEqual([]);
  });

  test('reads arrays, answers one after the other, and descriptions of host keys, which it cannot use', async () => {
    const array = file('all.json', [
      { Server: SERVER },
      { ServerId: THERE, User: { ...EVE, Policy: '{"a":"}{ \\" ]"}' } },
    ]);
    const { output } = await imported(array, file('keys.json', { HostKey: { HostKeyId: 'x' } }, { HostKey: {} }));
    expect(output).toContain('Descriptions of host keys hold no private key');
    expect(output).toMatch(/^2 made; /m);
  });

  test('--json is for programs', async () => {
    const all = JSON.parse((await imported(serverFile(), userFile(EVE), '--json')).output) as unknown;
    expect(all).toMatchObject([
      { kind: 'server', name: THERE, serverId: HERE, outcome: 'made' },
      { kind: 'user', name: 'eve', serverId: HERE, outcome: 'made', noCounterpart: [] },
    ]);
  });

  test.each([
    ['no-json.json', 'text', /no-json\.json is no JSON/],
    ['second.json', '{"Server":{"ServerId":"s-1"}}\n{"User":}', /second\.json: its value 2 is no JSON/],
    ['list.json', '{"Servers":[]}', /list\.json: expected what aws transfer describe-server .* found "Servers"/],
    ['nameless.json', '{"Server":{}}', /nameless\.json: .*; ServerId is missing/],
    ['user.json', '{"User":{"UserName":"x"}}', /user\.json: .*; ServerId is missing/],
  ])('%s is refused before anything is changed', async (name, text, message) => {
    const path = join(directory, name);
    writeFileSync(path, text);
    await expect(imported(serverFile(), path)).rejects.toThrow(message);
    expect(api.changes()).toEqual([]);
  });

  test('options for one server do not fit files of several', async () => {
    const two = file('two.json', { Server: SERVER }, { Server: { ...SERVER, ServerId: 's-2' } });
    await expect(imported(two, '--server', HERE)).rejects.toThrow(
      '--server takes the users of one server, and the files are of 2',
    );
    await expect(imported(two, '--port', '22')).rejects.toThrow('--host-key and --port are for one server');
    expect((await imported(two)).output).toMatch(/^2 made; /m);
  });
});
