// What a server publishes, as a program in its process sees it.
import { subscribe as subscribeTo, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { EVENT_CHANNELS, subscribe } from '../../src/events/event-channels.ts';
import type { ServerEvent } from '../../src/events/server-event.ts';
import { login, SftpChannel } from '../client/sftp-channel.ts';
import { until } from '../transport/transport-pair.ts';
import type { TestServer } from './test-server.ts';
import { PASSWORD, startTestServer } from './test-server.ts';

let servers: TestServer[] = [];
let events: ServerEvent[] = [];

const record = (message: unknown): void => {
  events.push(message as ServerEvent);
};

beforeEach(async () => {
  events = [];
  for (const { name } of Object.values(EVENT_CHANNELS)) subscribeTo(name, record);
  servers = [
    await startTestServer({ storage: { type: 'memory' } }),
    await startTestServer({ storage: { type: 'memory' } }),
  ];
});

afterEach(async () => {
  for (const server of servers) await server.stop();
  for (const { name } of Object.values(EVENT_CHANNELS)) unsubscribe(name, record);
});

/** Uploads a file of so many bytes and leaves; resolves when the server has noticed. */
async function upload({ port, log }: TestServer, bytes: number): Promise<void> {
  const client = await login(port, 'demo', PASSWORD);
  const sftp = await SftpChannel.open(client);
  await sftp.put('/file', Buffer.alloc(bytes));
  client.end();
  await until(() => log.some(({ event }) => event === 'session.closed'), 'the session is over');
}

test('a session says from its first event to its last whose it is', async () => {
  const [server] = servers;
  if (server === undefined) throw new Error('no server');
  await upload(server, 1000);
  const own = events.filter((event) => 'sessionId' in event);
  expect(own.map(({ type }) => type).filter((type) => type !== 'sftp.request')).toEqual([
    'session.opened',
    'session.negotiated',
    'auth.requested',
    'auth.succeeded',
    'sftp.action',
    'sftp.action',
    'session.closed',
  ]);
  const { id } = server.running;
  expect(id).toMatch(/^s-[0-9a-f]{17}$/);
  const { sessionId } = own[0] ?? {};
  expect(sessionId).toMatch(/^[0-9a-f]{16}$/);
  for (const event of own) {
    const user = ['session.opened', 'session.negotiated'].includes(event.type) ? null : 'demo';
    expect(event).toMatchObject({ server: id, sessionId, remoteAddress: '127.0.0.1', user });
  }
  expect(own).toContainEqual(
    expect.objectContaining({ type: 'sftp.request', request: 'write', code: 0, status: 'ok', bytes: 1000 }),
  );
  expect(own.at(-1)).toMatchObject({ stage: 'open', ending: 'by-peer', keyExchangeFailure: null });
});

test('two servers of one process do not mix, in their logs and in what they publish', async () => {
  await Promise.all(servers.map((server, index) => upload(server, 100 + index)));
  for (const [index, { log, running }] of servers.entries()) {
    const closes = log.filter(({ event }) => event === 'sftp.close');
    expect(closes.map((line) => line['bytesWritten'])).toEqual([100 + index]);
    const actions = events.filter((event) => event.server === running.id && event.type === 'sftp.action');
    expect(actions).toHaveLength(2);
  }
});

test('a subscriber that throws at every event does not break a transfer', async () => {
  const [server] = servers;
  if (server === undefined) throw new Error('no server');
  let thrown = 0;
  const handler = (): never => {
    thrown += 1;
    throw new Error('a subscriber with a bug');
  };
  const types = Object.keys(EVENT_CHANNELS);
  const end = subscribe(server.running.id, Object.fromEntries(types.map((type) => [type, handler])), () => {
    throw new Error('and another bug');
  });
  try {
    await upload(server, 5000);
  } finally {
    end();
  }
  expect(thrown).toBeGreaterThan(5);
  expect(server.log).toContainEqual(expect.objectContaining({ event: 'sftp.close', bytesWritten: 5000 }));
});

test('when a server has stopped, nobody listens for it any more', async () => {
  const before = servers.map(({ log }) => log.length);
  for (const { name } of Object.values(EVENT_CHANNELS)) unsubscribe(name, record);
  for (const server of servers) await server.stop();
  expect(Object.values(EVENT_CHANNELS).filter((each) => each.hasSubscribers)).toEqual([]);
  expect(servers.map(({ log }) => log.length)).toEqual(before.map((lines) => lines + 1));
});
