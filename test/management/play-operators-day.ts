// An operator's day with a client of the API against the built `latticeport serve`, with real logins between the calls.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from '@jest/globals';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { freePort, mustRun, ServerProcess } from '../peers/process.ts';
import { SftpLogin } from '../server/managed/sftp-login.ts';
import { until } from '../transport/transport-pair.ts';
import type { ApiClient, ClientOutcome, ClientTarget } from './api-clients.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const LATTICEPORT = [process.execPath, MAIN];
const ROLE = 'arn:aws:iam::000000000000:role/sftp-users';
const NOT_ALLOWED = /All configured authentication methods failed/;

type Output = Readonly<Record<string, unknown>>;

/** A machine with the built server, from its first start on. */
class Site {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'latticeport-day-'));
  readonly #client: ApiClient;
  #process: ServerProcess | null = null;
  #endpoint = '';
  #key: ClientTarget['key'] = { accessKeyId: '', secretAccessKey: '' };

  constructor(client: ApiClient) {
    this.#client = client;
  }

  async begin(): Promise<void> {
    const port = await freePort();
    const ports = await freePort();
    for (const bucket of ['invoices', 'reports']) mkdirSync(path.join(this.folder, bucket));
    const config = {
      management: {
        listen: { port },
        servers: { host: '127.0.0.1', ports: { from: ports, to: ports } },
        storages: { invoices: { type: 'local', root: 'invoices' }, reports: { type: 'local', root: 'reports' } },
        roles: [{ arn: 'arn:aws:iam::*:role/sftp-*', buckets: '*' }],
      },
      limits: { connectionsPerSecondPerSource: 0 },
    };
    writeFileSync(path.join(this.folder, 'latticeport.json'), JSON.stringify(config), { mode: 0o600 });
    const { stdout } = await mustRun([...LATTICEPORT, 'access-key', 'create', '--json'], { cwd: this.folder });
    this.#key = JSON.parse(stdout) as ClientTarget['key'];
    this.#endpoint = `http://127.0.0.1:${port}`;
    await this.serve();
  }

  async serve(): Promise<void> {
    const process = new ServerProcess([...LATTICEPORT, 'serve'], { cwd: this.folder });
    this.#process = process;
    await until(() => process.lines.some((line) => line.includes('management.listening')), 'the API listens', 30_000);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = null;
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  outcome(operation: string, input: object): Promise<ClientOutcome> {
    return this.#client.call({ endpoint: this.#endpoint, key: this.#key }, operation, input);
  }

  async call(operation: string, input: object): Promise<Output> {
    const outcome = await this.outcome(operation, input);
    if ('exception' in outcome) throw new Error(`${operation}: ${outcome.exception}: ${outcome.message}`);
    return outcome.output;
  }

  /** Where the server listens: so its log says. */
  get sftpPort(): number {
    const line = this.#process?.lines.findLast((each) => each.includes('"server.listening"')) ?? '{}';
    return Number((JSON.parse(line) as { readonly port?: unknown }).port);
  }

  stored(...names: string[]): string {
    return readFileSync(path.join(this.folder, ...names), 'utf8');
  }
}

/** Creates, describes, logs in, rotates, disables, changes, stops, starts, restarts and deletes, as the client lets it. */
export async function playOperatorsDay(client: ApiClient): Promise<void> {
  const site = new Site(client);
  try {
    await site.begin();
    await play(site);
  } finally {
    await site.end();
  }
}

async function play(site: Site): Promise<void> {
  const [first, second] = [generatePrivateKey('ed25519'), generatePrivateKey('ecdsa-256')];
  const { ServerId } = await site.call('CreateServer', { PreAuthenticationLoginBanner: 'Authorized users only.\n' });
  const server = { ServerId };
  const described = async (): Promise<Output> => (await site.call('DescribeServer', server))['Server'] as Output;
  // The answer came once the port was open: no waiter has to wait.
  expect(await described()).toMatchObject({
    State: 'ONLINE',
    PreAuthenticationLoginBanner: 'Authorized users only.\n',
  });
  const user = { ...server, UserName: 'anna' };
  await site.call('CreateUser', {
    ...user,
    Role: ROLE,
    HomeDirectoryType: 'LOGICAL',
    HomeDirectoryMappings: [
      { Entry: '/in', Target: '/invoices/${transfer:UserName}' },
      { Entry: '/out', Target: '/reports/anna' },
    ],
    SshPublicKeyBody: first.publicKey,
  });
  const port = site.sftpPort;
  const login = (key: typeof first): Promise<SftpLogin> => SftpLogin.open(port, 'anna', key.privateKey);

  const session = await login(first);
  await session.put('/in/a.txt', 'invoice');
  expect(await session.names('/')).toEqual(expect.arrayContaining(['in', 'out']));
  expect(site.stored('invoices', 'anna', 'a.txt')).toBe('invoice');

  await site.call('ImportSshPublicKey', { ...user, SshPublicKeyBody: second.publicKey });
  const { User } = await site.call('DescribeUser', user);
  const keys = (User as { readonly SshPublicKeys: readonly { SshPublicKeyId: string; SshPublicKeyBody: string }[] })
    .SshPublicKeys;
  const old = keys.find(({ SshPublicKeyBody }) => SshPublicKeyBody === first.publicKey);
  await site.call('DeleteSshPublicKey', { ...user, SshPublicKeyId: old?.SshPublicKeyId });
  await until(() => session.ended, 'the session of the old key ends');
  await expect(login(first)).rejects.toThrow(NOT_ALLOWED);
  const renewed = await login(second);

  const { Arn } = User as { readonly Arn: string };
  await site.call('TagResource', { Arn, Tags: [{ Key: 'latticeport:disabled', Value: 'true' }] });
  await until(() => renewed.ended, 'the session of the disabled user ends');
  await expect(login(second)).rejects.toThrow(NOT_ALLOWED);
  await site.call('UntagResource', { Arn, TagKeys: ['latticeport:disabled'] });
  (await login(second)).end();

  await site.call('UpdateServer', { ...server, SecurityPolicyName: 'TransferSecurityPolicy-2024-01' });
  expect(await described()).toMatchObject({ SecurityPolicyName: 'TransferSecurityPolicy-2024-01', UserCount: 1 });
  await site.call('StopServer', server);
  await expect(login(second)).rejects.toThrow(/ECONNREFUSED/);
  await site.stop();
  await site.serve();
  expect(await described()).toMatchObject({ State: 'OFFLINE' });
  await site.call('StartServer', server);
  const again = await login(second);
  expect(await again.get('/in/a.txt')).toBe('invoice');
  again.end();

  expect(await site.outcome('CreateUser', { ...user, Role: 'arn:aws:iam::000000000000:role/other' })).toMatchObject({
    exception: expect.stringMatching(/InvalidRequestException|ResourceExistsException/),
  });
  expect(await site.outcome('UpdateServer', { ...server, SecurityPolicyName: 'NoSuchPolicy' })).toMatchObject({
    exception: 'InvalidRequestException',
  });
  await site.call('DeleteUser', user);
  await expect(login(second)).rejects.toThrow(NOT_ALLOWED);
  await site.call('DeleteServer', server);
  expect(await site.outcome('DescribeServer', server)).toMatchObject({ exception: 'ResourceNotFoundException' });
  await expect(login(second)).rejects.toThrow(/ECONNREFUSED/);
}
