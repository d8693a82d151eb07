// Mutations of real traffic against the whole server, over TCP: bytes before encryption, messages after it, SFTP on an open
// channel. Each ends in an answer or a closed connection within a deadline; nothing throws, nothing stays, and the server
// serves the next client as if nothing had been. A failure names the run: FUZZ_SEED repeats it.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { PrivateKey } from '../../src/crypto/keys/key.ts';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { encodeKexInit, kexInitFor } from '../../src/negotiation/kexinit.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { SftpChannel } from '../client/sftp-channel.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import type { Random } from '../fuzz/mutation.ts';
import { cut, generator, mutate, SEED } from '../fuzz/mutation.ts';
import { recordSftp } from '../fuzz/sftp-recording.ts';
import { randomRuns, timeoutFor } from '../random-runs.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import type { TestServer } from './test-server.ts';
import { startTestServer } from './test-server.ts';

const RUNS = {
  handshakes: randomRuns(4500),
  ciphertexts: randomRuns(300),
  logins: randomRuns(1200),
  messages: randomRuns(1000),
  sftp: randomRuns(3000),
};
const DEADLINE_MS = 15_000;
const TEST_TIMEOUT_MS = timeoutFor(RUNS.handshakes);
/** Runs at the same time: a server is hardly ever alone with one attacker. */
const PARALLEL = 8;

let server: TestServer;
let key: PrivateKey;
const uncaught: unknown[] = [];
const onUncaught = (reason: unknown): void => {
  uncaught.push(reason);
};

beforeAll(async () => {
  server = await startTestServer({
    storage: { type: 'memory' },
    securityPolicy: 'TransferPQSecurityPolicy-Test-Everything',
    policyDirectories: [path.join(import.meta.dirname, 'policies')],
    log: { level: 'warn' },
  });
  key = parsePrivateKey(readFileSync(server.userKey('ed25519'), 'utf8'));
});

afterAll(async () => {
  await server.stop();
});

beforeEach(() => {
  process.on('unhandledRejection', onUncaught);
  process.on('uncaughtException', onUncaught);
});

/** The server is as it was: no session left, no bug in the log, a good client served. */
afterEach(async () => {
  await until(() => server.running.listener.sessions === 0, 'every session has ended', DEADLINE_MS);
  const client = await loggedIn();
  const sftp = await SftpChannel.open(client);
  const bytes = randomBytes(50_000);
  await sftp.put('/good', bytes);
  expect((await sftp.get('/good')).equals(bytes)).toBe(true);
  client.end();
  await until(() => server.running.listener.sessions === 0, 'the good session has ended', DEADLINE_MS);
  process.off('unhandledRejection', onUncaught);
  process.off('uncaughtException', onUncaught);
  expect(uncaught.splice(0)).toEqual([]);
  // What is a client's doing is a warning at the most.
  expect(server.log.splice(0).filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});

/** `count` runs, several at a time, each with a generator of its own, so that one can be had again by itself. */
async function fuzz(count: number, run: (random: Random, number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: PARALLEL }, async () => {
    for (let number = next++; number < count; number = next++) {
      try {
        await run(generator(SEED + number), number);
      } catch (error) {
        throw new Error(`run ${number} of FUZZ_SEED=${SEED}`, { cause: error });
      }
      if (uncaught.length > 0)
        throw new Error(`uncaught by run ${number} of FUZZ_SEED=${SEED}`, { cause: uncaught[0] });
    }
  });
  await Promise.all(lanes);
}

function pick<T>(list: readonly T[], random: Random): T {
  const item = list[random(list.length)];
  if (item === undefined) throw new RangeError('an empty list');
  return item;
}

// --- before encryption ------------------------------------------------------------------------------------------------

const METHODS = [
  'curve25519-sha256',
  'mlkem768x25519-sha256',
  'ecdh-sha2-nistp256',
  'x25519-kyber-512r3-sha256-d00@amazon.com',
] as const;

/** What a client sends in the clear: its version line, KEXINIT, its public value, NEWKEYS; each packet with its length. */
async function recordHandshake(method: string): Promise<Buffer[]> {
  const socket = connect(server.port, '127.0.0.1');
  const sent: Buffer[] = [];
  tapWrites(socket, (chunk) => {
    sent.push(Buffer.from(chunk));
    return chunk;
  });
  const client = new SshTestClient(socket, { algorithms: { ...MODERN, kex: [method] } });
  // Its first encrypted message has been answered: everything before it has been sent.
  await client.startAuth();
  client.end();
  const bytes = Buffer.concat(sent);
  const lineEnd = bytes.indexOf(0x0a) + 1;
  const packets = [bytes.subarray(0, lineEnd)];
  for (let at = lineEnd; ;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    packets.push(bytes.subarray(at, end));
    if (bytes[at + 5] === 21) return packets;
    at = end;
  }
}

function tapWrites(socket: Socket, tap: (chunk: Buffer) => Buffer): void {
  const write = socket.write.bind(socket) as (chunk: Buffer, done?: () => void) => boolean;
  socket.write = ((chunk: Buffer, done?: () => void) => write(tap(chunk), done)) as typeof socket.write;
}

/** Sends the chunks on a connection of their own; resolves when the server has closed it. */
async function replay(chunks: readonly Buffer[], patient: boolean): Promise<void> {
  const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
  let answers = 0;
  socket.on('data', () => (answers += 1));
  socket.on('error', () => undefined);
  for (const chunk of chunks) {
    if (socket.closed) break;
    socket.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Either gone while the server computes, or there for its answer to the key exchange, if one comes.
  const patience = performance.now() + 20;
  if (patient)
    await until(() => socket.closed || answers > 1 || performance.now() > patience, 'the server has answered');
  socket.end();
  await until(() => socket.closed, 'the server has closed the connection', DEADLINE_MS);
}

describe(`mutated traffic (FUZZ_SEED=${SEED})`, () => {
  test(
    `${RUNS.handshakes} handshakes`,
    async () => {
      const recordings = new Map<string, Buffer[]>();
      for (const method of METHODS) recordings.set(method, await recordHandshake(method));
      await fuzz(RUNS.handshakes, async (random) => {
        const packets = mutate(recordings.get(pick(METHODS, random)) ?? [], random, true);
        await replay(cut(Buffer.concat(packets), random), random(2) === 0);
      });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    `${RUNS.ciphertexts} encrypted streams`,
    async () => {
      await fuzz(RUNS.ciphertexts, async (random) => {
        const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
        const ciphers = ['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr'];
        const macs = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-256', 'umac-64@openssh.com'];
        const algorithms = { ...MODERN, ciphers: [pick(ciphers, random)], macs: [pick(macs, random)] };
        let spoil = false;
        tapWrites(socket, (chunk) => {
          if (!spoil) return chunk;
          const [spoiled = chunk] = mutate([chunk], random, false);
          return spoiled;
        });
        const client = new SshTestClient(socket, { algorithms });
        await client.startAuth();
        spoil = true;
        for (let i = 0; i < 4; i += 1) client.transport.send(client.authRequest('demo', 'none').finish());
        // A changed length may make the server wait for more than ever comes.
        socket.end();
        await client.whenClosed(DEADLINE_MS);
      });
    },
    TEST_TIMEOUT_MS,
  );

  // --- after it -------------------------------------------------------------------------------------------------------

  test(
    `${RUNS.logins} logins`,
    async () => {
      let reached = 0;
      await fuzz(RUNS.logins, async (random, number) => {
        const client = SshTestClient.connect(server.port, { algorithms: MODERN });
        await client.keyExchange();
        const messages = await authMessages(client, number % 40 === 0);
        const mutated = mutate(messages, random, false);
        for (const message of mutated) client.transport.send(message);
        const requests = mutated.filter(([type]) => type === 50).length;
        const over = (): boolean => {
          const answers = client.received.filter(([type]) => type === 51 || type === 60).length;
          return client.received.some(([type]) => type === 52) || answers >= requests;
        };
        await client.until(over, 'every request is answered', DEADLINE_MS).catch((error: unknown) => {
          if (client.closed === null) throw error;
        });
        if (client.received.some(([type]) => type === 52)) reached += 1;
        client.end();
        await client.whenClosed(DEADLINE_MS);
      });
      // The mutations must not all end at the door.
      expect(reached).toBeGreaterThan(RUNS.logins / 20);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    `${RUNS.messages} conversations on channels`,
    async () => {
      let answered = 0;
      const recording = connectionMessages(await recordSftp());
      const kexInit = encodeKexInit(kexInitFor(MODERN, 'client', 'later'), randomBytes(16));
      await fuzz(RUNS.messages, async (random) => {
        const client = await loggedIn();
        const messages = mutate(recording, random, false);
        // A key exchange that is begun and not gone on with: nothing else may follow it.
        if (random(10) === 0) messages.splice(random(messages.length), 0, kexInit);
        for (const message of messages) client.transport.send(message);
        if (await answeredOrClosed(client)) answered += 1;
      });
      expect(answered).toBeGreaterThan(RUNS.messages / 20);
      expect(answered).toBeLessThan(RUNS.messages);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    `${RUNS.sftp} SFTP sessions`,
    async () => {
      const packets = await recordSftp();
      const exits = { clean: 0, broken: 0 };
      // Each lane keeps its connection for as many sessions as it lasts.
      const idle: SshTestClient[] = [];
      await fuzz(RUNS.sftp, async (random) => {
        const client = idle.pop() ?? (await loggedIn());
        const channel = await client.openSession();
        expect(await client.request(channel, 'subsystem', 'sftp')).toBe(true);
        for (const chunk of cut(Buffer.concat(mutate(packets, random, true)), random)) client.data(channel, chunk);
        client.transport.send(new SshWriter().byte(96).uint32(channel).finish());
        await client.until(() => client.received.some(([type]) => type === 97), 'the channel is closed', DEADLINE_MS);
        const status = client.received.find(([type]) => type === 98)?.at(-1);
        if (status === 0) exits.clean += 1;
        else exits.broken += 1;
        client.received.length = 0;
        client.transport.send(new SshWriter().byte(97).uint32(channel).finish());
        idle.push(client);
      });
      for (const client of idle) client.end();
      expect(exits.clean).toBeGreaterThan(RUNS.sftp / 20);
      expect(exits.broken).toBeGreaterThan(RUNS.sftp / 20);
    },
    TEST_TIMEOUT_MS,
  );
});

async function loggedIn(): Promise<SshTestClient> {
  const client = SshTestClient.connect(server.port, { algorithms: MODERN });
  await client.startAuth();
  expect(await client.publicKey('demo', key, 'ssh-ed25519')).toBe(52);
  return client;
}

/** True where the server still answers; false where it has closed the connection. In either case it is closed after it. */
async function answeredOrClosed(client: SshTestClient): Promise<boolean> {
  const challenge = randomBytes(8);
  client.transport.send(new SshWriter().byte(192).string(challenge).finish());
  const answered = (): boolean =>
    client.received.some((message) => message[0] === 193 && message.subarray(-8).equals(challenge));
  try {
    await client.until(answered, 'an answer comes', DEADLINE_MS);
    return true;
  } catch (error) {
    if (client.closed === null) throw error;
    return false;
  } finally {
    client.end();
    await client.whenClosed(DEADLINE_MS);
  }
}

/** From the service request to the login. Passwords are rare: the server takes its time for each. */
async function authMessages(client: SshTestClient, withPassword: boolean): Promise<Buffer[]> {
  const query = client
    .authRequest('demo', 'publickey')
    .boolean(false)
    .string('ssh-ed25519')
    .string(key.publicKey.blob)
    .finish();
  const request = client
    .authRequest('demo', 'publickey')
    .boolean(true)
    .string('ssh-ed25519')
    .string(key.publicKey.blob)
    .finish();
  const signed = new SshWriter().string(client.transport.sessionId).bytes(request).finish();
  const signature = await key.sign('ssh-ed25519', signed);
  return [
    new SshWriter().byte(7).uint32(1).string('ext-info-in-auth@openssh.com').string('0').finish(),
    new SshWriter().byte(5).string('ssh-userauth').finish(),
    new SshWriter().byte(2).string('ignored').finish(),
    client.authRequest('demo', 'none').finish(),
    ...(withPassword ? [client.authRequest('demo', 'password').boolean(false).string('guess').finish()] : []),
    client.authRequest('demo', 'keyboard-interactive').string('').string('').finish(),
    client.authRequest('nobody', 'publickey').boolean(false).string('rsa-sha2-512').string('x').finish(),
    query,
    new SshWriter().bytes(request).string(signature).finish(),
    new SshWriter().byte(4).boolean(true).string('debug').string('').finish(),
  ];
}

/** A client that does everything that a connection allows, and some that it does not. */
function connectionMessages(sftp: readonly Buffer[]): Buffer[] {
  const open = (type: string, id: number): Buffer =>
    new SshWriter().byte(90).string(type).uint32(id).uint32(0x20_0000).uint32(32_768).finish();
  const request = (
    channel: number,
    type: string,
    rest: (writer: SshWriter) => SshWriter = (writer) => writer,
  ): Buffer => rest(new SshWriter().byte(98).uint32(channel).string(type).boolean(true)).finish();
  const data = (channel: number, bytes: Buffer): Buffer =>
    new SshWriter().byte(94).uint32(channel).string(bytes).finish();
  const onChannel = (number: number, channel: number): Buffer => new SshWriter().byte(number).uint32(channel).finish();
  return [
    new SshWriter().byte(80).string('tcpip-forward').boolean(true).string('0.0.0.0').uint32(8080).finish(),
    open('session', 5),
    request(0, 'env', (writer) => writer.string('LANG').string('C.UTF-8')),
    request(0, 'pty-req', (writer) => writer.string('xterm').uint32(80).uint32(24).uint32(0).uint32(0).string('')),
    request(0, 'subsystem', (writer) => writer.string('sftp')),
    open('direct-tcpip', 6),
    open('session', 7),
    request(1, 'exec', (writer) => writer.string('id')),
    ...sftp.slice(0, 12).map((packet) => data(0, packet)),
    new SshWriter().byte(95).uint32(0).uint32(1).string('stderr').finish(),
    new SshWriter().byte(93).uint32(0).uint32(100_000).finish(),
    new SshWriter().byte(2).string('ignored').finish(),
    new SshWriter().byte(4).boolean(true).string('debug').string('').finish(),
    new SshWriter().byte(3).uint32(1).finish(),
    new SshWriter().byte(192).string('ping').finish(),
    ...sftp.slice(12, 24).map((packet) => data(0, packet)),
    open('session', 8),
    request(2, 'subsystem', (writer) => writer.string('sftp')),
    ...sftp.slice(0, 4).map((packet) => data(2, packet)),
    request(2, 'signal', (writer) => writer.string('TERM')),
    onChannel(96, 0),
    onChannel(97, 1),
    onChannel(99, 0),
    onChannel(97, 0),
    new SshWriter().byte(50).string('demo').string('ssh-connection').string('none').finish(),
    new SshWriter().byte(80).string('no-more-sessions@openssh.com').boolean(false).finish(),
    open('session', 9),
    new SshWriter().byte(81).finish(),
  ];
}
