// `latticeport session` against the API's own handlers.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { OpenSession } from '../../../src/state/open-sessions.ts';
import { EXAMPLE_KEY } from '../../management/sign-request.ts';
import { runCommand, type CommandResult } from '../run-command.ts';
import { startHandlersApi, type HandlersApi } from './api-of-handlers.ts';

const SERVER = 's-0123456789abcdef0';
const OTHER = 's-0123456789abcdef1';

let api: HandlersApi;
beforeEach(async () => {
  api = await startHandlersApi();
});
afterEach(() => {
  api.stop();
});

const idOf = (number: number): string => number.toString(16).padStart(16, '0');

function session(number: number, more: Partial<OpenSession> = {}): OpenSession {
  return {
    ...{ sessionId: idOf(number), serverId: SERVER, userName: 'alice', remoteAddress: '192.0.2.1' },
    ...{ clientVersion: 'SSH-2.0-OpenSSH_9.9', method: 'publickey', kex: 'mlkem768x25519-sha256', postQuantum: true },
    ...{ connectedAt: Date.UTC(2026, 10, 30, 10, 15, number % 60, 250), openFiles: 2, bytesIn: 1_610_612_736 },
    ...{ bytesOut: 900 },
    ...more,
  };
}

function run(...args: string[]): Promise<CommandResult> {
  return runCommand(args, { environment: api.environment });
}

/** What the command prints as JSON, of each its id. */
async function ids(...args: string[]): Promise<string[]> {
  const sessions = JSON.parse((await run('session', 'list', ...args, '--json')).output) as { SessionId: string }[];
  return sessions.map(({ SessionId }) => SessionId);
}

const bob = session(2, {
  ...{ serverId: OTHER, userName: 'bob', method: 'password', kex: 'ecdh-sha2-nistp256', postQuantum: false },
  ...{ openFiles: 0, bytesIn: 0, bytesOut: 512 * 1024 ** 2 },
});

test('list is a table, of those who are meant', async () => {
  expect((await run('session', 'list')).output).toBe('there is no session\n');
  await api.store.sessions.asNode('sftp-1').report([session(1), bob]);
  const lines = (await run('session', 'list')).output.trimEnd().split('\n');
  expect(lines.map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['SESSION', 'USER', 'SERVER', 'FROM', 'LOGIN', 'PQ', 'KEX', 'FILES', 'IN', 'OUT', 'SINCE', 'NODE'],
    [
      ...[idOf(1), 'alice', SERVER, '192.0.2.1', 'publickey', 'yes', 'mlkem768x25519-sha256', '2', '1.5 GiB', '900 B'],
      ...['2026-11-30 10:15:01Z', 'sftp-1'],
    ],
    [
      ...[idOf(2), 'bob', OTHER, '192.0.2.1', 'password', 'no', 'ecdh-sha2-nistp256', '0', '0 B', '512 MiB'],
      ...['2026-11-30 10:15:02Z', 'sftp-1'],
    ],
  ]);
  expect(await ids('--user', 'bob')).toEqual([idOf(2)]);
  expect(await ids('--server', SERVER)).toEqual([idOf(1)]);
  expect(await ids('--server', SERVER, '--user', 'alice')).toEqual([idOf(1)]);
  await expect(run('session', 'list', '--server', 's-fffffffffffffffff')).rejects.toThrow(
    'Unknown server: s-fffffffffffffffff',
  );
  await expect(run('session', 'list', '--server', 'x')).rejects.toThrow(/^ServerId: expected 19 characters/);
});

test('JSON has what the API answers', async () => {
  await api.store.sessions.asNode('sftp-1').report([session(1)]);
  expect(JSON.parse((await run('session', 'list', '--json')).output)).toEqual([
    {
      ...{ SessionId: idOf(1), ServerId: SERVER, UserName: 'alice', RemoteAddress: '192.0.2.1', Node: 'sftp-1' },
      ...{ ClientVersion: 'SSH-2.0-OpenSSH_9.9', AuthenticationMethod: 'publickey', Kex: 'mlkem768x25519-sha256' },
      ...{ PostQuantum: true, ConnectedAt: '2026-11-30T10:15:01.250Z', OpenFiles: 2, BytesIn: 1_610_612_736 },
      BytesOut: 900,
    },
  ]);
});

test('more sessions than a page has', async () => {
  const many = Array.from({ length: 1005 }, (_, index) => session(index, { connectedAt: index }));
  await api.store.sessions.asNode('sftp-1').report(many);
  expect(await ids()).toEqual(many.map(({ sessionId }) => sessionId));
});

test('end tells the node; what is not there is an error', async () => {
  const node = api.store.sessions.asNode('sftp-1');
  await node.report([session(1), bob]);
  expect((await run('session', 'end', idOf(2))).output).toBe(`${idOf(2)}: its node has been told to end it\n`);
  expect(await node.takeEnds()).toEqual([idOf(2)]);
  expect(JSON.parse((await run('session', 'end', idOf(1), '--json')).output)).toEqual({ SessionId: idOf(1) });
  expect(await node.takeEnds()).toEqual([idOf(1)]);
  await expect(run('session', 'end', idOf(9))).rejects.toThrow(`Unknown session: ${idOf(9)}`);
  await expect(run('session', 'end', 'x')).rejects.toThrow(/^SessionId: expected 16 characters/);
  const [record] = await api.store.auditTrail({ limit: 1 });
  expect(record).toMatchObject({ operation: 'EndSession', accessKeyId: EXAMPLE_KEY.accessKeyId });
});

test('who may only read lists, and ends none; an operator does', async () => {
  for (const [role, mayEnd] of [
    ['read-only', false],
    ['operator', true],
  ] as const) {
    const other = await startHandlersApi({ role });
    try {
      const node = other.store.sessions.asNode('sftp-1');
      await node.report([session(1)]);
      const as = (...args: string[]) => runCommand(args, { environment: other.environment });
      expect((await as('session', 'list')).output).toContain(idOf(1));
      const end = as('session', 'end', idOf(1));
      if (mayEnd) await end;
      else await expect(end).rejects.toThrow('an access key with the role read-only may not call EndSession');
      expect(await node.takeEnds()).toEqual(mayEnd ? [idOf(1)] : []);
    } finally {
      other.stop();
    }
  }
});
