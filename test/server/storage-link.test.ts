// The way to an S3 store: what its TLS comes to, what is refused, and who is told.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openConfiguredView } from '../../src/cli/sftp-stdio/configured-view.ts';
import { configSchema, type S3StorageConfig } from '../../src/config/schema.ts';
import { checkStore } from '../../src/server/store-readiness.ts';
import { configuredStore, openStore } from '../../src/server/store.ts';
import type { LinkEvent } from '../../src/server/stores/link-watch.ts';
import { LinkWatch } from '../../src/server/stores/link-watch.ts';
import { storageLink } from '../../src/server/stores/storage-link.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { STORE_ROOT } from '../../src/storage/store-path.ts';
import { keyExchange } from '../../src/tls/groups.ts';
import { login, SftpChannel } from '../client/sftp-channel.ts';
import { freePort } from '../peers/process.ts';
import { AnsweringStore } from '../storage/s3/answering-store.ts';
import { credentials, region, TestBucket } from '../storage/s3/s3-server.ts';
import { storePath } from '../storage/store-path.ts';
import { TestAuthority, writeCertificate } from '../tls/certificates.ts';
import { CLASSICAL_GROUPS, MODERN_GROUPS, TlsProxy } from '../tls/tls-proxy.ts';
import { until } from '../transport/transport-pair.ts';
import { PASSWORD, startTestServer, type ConfigInput, type TestServer } from './test-server.ts';

const S3_ENDPOINT = process.env['S3_ENDPOINT'];
const withS3 = S3_ENDPOINT === undefined ? test.skip : test;

const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-link-'));
const authority = new TestAuthority();
const issued = authority.issue();
const server: TlsOptions = { cert: issued.certificate, key: issued.key };
const caFile = path.join(folder, 'ca.crt');
const strangersFile = path.join(folder, 'strangers.crt');
writeFileSync(caFile, authority.certificate);
writeFileSync(strangersFile, new TestAuthority('somebody else').certificate);
const client = writeCertificate(folder, authority.issue({ commonName: 'latticeport' }), 'client');

let answering: AnsweringStore;
let proxy: TlsProxy;
let running: TestServer | undefined;
let store: ObjectStore | undefined;
let events: LinkEvent[] = [];

beforeAll(async () => {
  answering = await AnsweringStore.start('listing');
});

afterAll(async () => {
  await answering.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  events = [];
  answering.answer = 'listing';
  proxy = await TlsProxy.start(answering.endpoint, { ...server, ecdhCurve: MODERN_GROUPS });
});

afterEach(async () => {
  await running?.stop();
  await store?.close();
  [running, store] = [undefined, undefined];
  await proxy.stop();
});

type StorageInput = Extract<ConfigInput['storage'], { type: 's3' }>;
type Tls = NonNullable<StorageInput['tls']>;

const input = (tls: Tls = {}, more: Partial<StorageInput> = {}): StorageInput => ({
  type: 's3',
  bucket: 'partner-files',
  endpoint: proxy.endpoint,
  credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' },
  spoolDirectory: path.join(folder, 'spool'),
  ...more,
  tls: { caFile, ...tls },
});

function config(tls?: Tls, more?: Partial<StorageInput>): S3StorageConfig {
  const { storage } = configSchema.parse({ hostKeys: ['x'], storage: input(tls, more) });
  if (storage.type !== 's3') throw new Error('not s3');
  return storage;
}

const check = async (storage: S3StorageConfig) =>
  checkStore({
    config: configSchema.parse({ hostKeys: ['x'], storage }),
    file: 'own.json',
    warnings: [],
    describesServer: true,
  });

async function open(storage: S3StorageConfig): Promise<ObjectStore> {
  store = await openStore(storage, 'own.json', {
    onEvent: () => undefined,
    onLink: (event) => events.push(event),
  });
  return store;
}

const names = async (from: ObjectStore): Promise<string[]> => {
  const found: string[] = [];
  for await (const page of from.list(STORE_ROOT)) found.push(...page.map(({ name }) => name));
  return found;
};

describe('a store that has a post-quantum exchange', () => {
  test.each(['prefer', 'require'] as const)('%s: each connection is told, with its group', async (postQuantum) => {
    expect(await check(config({ postQuantum }))).toBeNull();
    await names(await open(config({ postQuantum })));
    expect(events.length).toBeGreaterThan(0);
    for (const event of events) {
      expect(event).toEqual({
        kind: 'opened',
        host: '127.0.0.1',
        protocol: 'TLSv1.3',
        cipher: 'TLS_AES_256_GCM_SHA384',
        group: 'X25519MLKEM768',
        postQuantum: true,
      });
    }
  });

  test('connections are kept: many requests one after the other make no new ones', async () => {
    const opened = await open(config({ postQuantum: 'require' }));
    await names(opened);
    await until(() => answering.requests.length > 0, 'the first look is over');
    const before = proxy.connections;
    for (let i = 0; i < 20; i += 1) await names(opened);
    // What the store does by itself may run beside.
    expect(proxy.connections - before).toBeLessThan(5);
    expect(events.length).toBe(proxy.connections);
  });
});

describe('a classical store', () => {
  beforeEach(() => {
    proxy.become({ ...server, ecdhCurve: CLASSICAL_GROUPS });
  });

  test('is used where a post-quantum exchange is preferred, and is told to be classical', async () => {
    expect(await check(config())).toBeNull();
    await names(await open(config()));
    expect(events[0]).toMatchObject({ kind: 'opened', protocol: 'TLSv1.3', group: 'X25519', postQuantum: false });
  });

  test.each<[TlsOptions, string]>([
    [{ ecdhCurve: CLASSICAL_GROUPS }, 'it made TLSv1.3 with X25519'],
    [{ maxVersion: 'TLSv1.2', ecdhCurve: 'P-256' }, 'it made TLSv1.2 with prime256v1'],
  ])('is refused at the start where one is required: %j', async (options, what) => {
    proxy.become({ ...server, ...options });
    await expect(check(config({ postQuantum: 'require' }))).rejects.toMatchObject({
      name: 'ConfigError',
      file: 'own.json',
      jsonPath: '$.storage.tls.postQuantum',
      message: expect.stringContaining(
        `bucket "partner-files" at ${proxy.endpoint}: NotPostQuantum: the store has no post-quantum key exchange: ${what}, ` +
          'and "require" needs TLS 1.3 with X25519MLKEM768, SecP256r1MLKEM768, or SecP384r1MLKEM1024',
      ) as unknown,
    });
  });

  test('stops the start of a server before its port opens', async () => {
    answering.requests.length = 0;
    await expect(startTestServer({ storage: input({ postQuantum: 'require' }) })).rejects.toThrow(
      /\$\.storage\.tls\.postQuantum: .*NotPostQuantum/,
    );
    expect(answering.requests).toEqual([]);
  });
});

describe('a store that becomes classical while the server runs', () => {
  test('is refused; requests fail as unavailable, and the log says why, once', async () => {
    const opened = await open(config({ postQuantum: 'require' }));
    await names(opened);
    events = [];
    proxy.become({ ...server, ecdhCurve: CLASSICAL_GROUPS });
    for (let i = 0; i < 5; i += 1) {
      // A request on a connection that has just broken is tried again: that one meets the new store.
      await expect(names(opened)).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable' });
      // What was under way before may have come through.
      if (i === 0) answering.requests.length = 0;
    }
    await until(() => events.length > 0, 'it is told');
    expect(events).toEqual([
      {
        kind: 'refused',
        host: '127.0.0.1',
        code: 'NotPostQuantum',
        problem: expect.stringMatching(/it made TLSv1\.3 with X25519, and "require" needs/) as unknown,
      },
    ]);
    expect(answering.requests).toEqual([]);

    proxy.become({ ...server, ecdhCurve: MODERN_GROUPS });
    expect(await names(opened)).toEqual([]);
    expect(events.at(-1)).toMatchObject({ kind: 'opened', group: 'X25519MLKEM768' });
  });

  test('a server logs the first connection and each change of the group, and counts all', async () => {
    running = await startTestServer({ storage: input() });
    const lines = (level: string) =>
      running?.log.filter((line) => line.event === 'storage.connected' && line.level === level) ?? [];
    const look = async (): Promise<void> => {
      await running?.running.store.stat(storePath('some/file'), { followSymlinks: true }).catch(() => undefined);
    };
    const lookUntil = async (condition: () => boolean): Promise<void> => {
      const deadline = performance.now() + 10_000;
      while (!condition() && performance.now() < deadline) await look();
      expect(condition()).toBe(true);
    };
    await look();
    await until(() => lines('info').length === 1, 'the first is logged');
    expect(lines('info')[0]).toMatchObject({
      host: '127.0.0.1',
      protocol: 'TLSv1.3',
      group: 'X25519MLKEM768',
      postQuantum: true,
      msg: 'connected to 127.0.0.1: TLSv1.3 with X25519MLKEM768, post-quantum',
    });
    proxy.become({ ...server, ecdhCurve: MODERN_GROUPS });
    const seen = proxy.connections;
    await lookUntil(() => proxy.connections > seen);
    await until(() => lines('debug').length > 0, 'another of the same group is a line for debugging');
    expect(lines('info')).toHaveLength(1);
    proxy.become({ ...server, ecdhCurve: CLASSICAL_GROUPS });
    await lookUntil(() => lines('info').length === 2);
    expect(lines('info')[1]).toMatchObject({ group: 'X25519', postQuantum: false });
    expect(lines('info')[1]?.['msg']).toContain('classical; before it was X25519MLKEM768');
  });
});

test('a server whose store becomes classical logs an error that says so; a session without SSH does, too', async () => {
  running = await startTestServer({ storage: input({ postQuantum: 'require' }) });
  proxy.become({ ...server, ecdhCurve: CLASSICAL_GROUPS });
  const channel = await SftpChannel.open(await login(running.port, 'demo', PASSWORD));
  // SSH_FX_FAILURE: the client learns nothing of what is behind the server.
  await expect(channel.put('/file', Buffer.from('content'))).rejects.toThrow(/could not agree on a secure connection/);
  channel.client.end();
  await until(() => running?.log.some(({ event }) => event === 'storage.connection-refused') === true, 'it is logged');
  const line = running.log.find(({ event }) => event === 'storage.connection-refused');
  expect(line).toMatchObject({ level: 'error', host: '127.0.0.1', code: 'NotPostQuantum' });
  expect(line?.['msg']).toMatch(
    /^no connection to 127\.0\.0\.1: the store has no post-quantum key exchange: it made TLSv1\.3/,
  );

  const file = path.join(folder, 'stdio.json');
  const users = [{ name: 'demo' }];
  writeFileSync(file, JSON.stringify({ hostKeys: ['x'], users, storage: input({ postQuantum: 'require' }) }));
  let said = '';
  const stderr = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      said += chunk.toString();
      done();
    },
  });
  await expect(openConfiguredView(file, 'demo', stderr)).rejects.toMatchObject({ code: 'unavailable' });
  await until(() => said.includes('NotPostQuantum'), 'it is said on standard error');
});

test('the groups that a link may come to are there for metrics', () => {
  const hybrids = ['X25519MLKEM768', 'SecP256r1MLKEM768', 'SecP384r1MLKEM1024'];
  expect(configuredStore(config({ postQuantum: 'require' })).tlsGroups).toEqual(hybrids);
  expect(configuredStore(config()).tlsGroups).toEqual([...hybrids, 'X25519', 'prime256v1', 'secp384r1']);
  const { storage } = configSchema.parse({
    hostKeys: ['x'],
    storage: { type: 's3', bucket: 'partner-files', endpoint: answering.endpoint },
  });
  expect(configuredStore(storage).tlsGroups).toEqual([]);
});

describe('certificates', () => {
  test('of an authority that is not trusted stop the start, and name the setting', async () => {
    await expect(check(config({ caFile: strangersFile }))).rejects.toMatchObject({
      jsonPath: '$.storage.tls.caFile',
      message: expect.stringMatching(
        /UNABLE_TO_VERIFY_LEAF_SIGNATURE: its certificate is of no authority that is trusted here/,
      ) as unknown,
    });
    const opened = await open(config({ caFile: strangersFile }));
    await expect(names(opened)).rejects.toMatchObject({ code: 'unavailable' });
    await until(() => events.length > 0, 'it is told');
    expect(events[0]).toMatchObject({ kind: 'refused', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  test('for another name do, too', async () => {
    const other = authority.issue({ dnsName: 'elsewhere.example' });
    proxy.become({ cert: other.certificate, key: other.key });
    await expect(check(config())).rejects.toMatchObject({
      jsonPath: '$.storage.endpoint',
      message: expect.stringContaining('its certificate is for another name') as unknown,
    });
  });

  test('of ours are shown to a store that asks for one', async () => {
    await proxy.stop();
    const asking = { ...server, requestCert: true, rejectUnauthorized: true, ca: authority.certificate };
    proxy = await TlsProxy.start(answering.endpoint, asking);
    await expect(check(config())).rejects.toMatchObject({
      jsonPath: '$.storage.tls.certificateFile',
      message: expect.stringContaining('it asks for a certificate of ours') as unknown,
    });
    expect(await check(config({ ...client, postQuantum: 'require' }))).toBeNull();
    expect(await names(await open(config({ ...client, postQuantum: 'require' })))).toEqual([]);
  });

  test('a file that is gone when the store is asked again is a problem of the store, and no crash', async () => {
    const gone = path.join(folder, 'gone.crt');
    const storage = config({ caFile: gone });
    expect(await configuredStore(storage).probe()).toMatchObject({ permanent: true, code: 'ConfigError' });
  });
});

describe('an endpoint that is not in the configuration', () => {
  const before = process.env['AWS_ENDPOINT_URL_S3'];

  afterEach(() => {
    if (before === undefined) delete process.env['AWS_ENDPOINT_URL_S3'];
    else process.env['AWS_ENDPOINT_URL_S3'] = before;
  });

  test('and is plain http is refused all the same where encryption is required', async () => {
    process.env['AWS_ENDPOINT_URL_S3'] = answering.endpoint;
    answering.requests.length = 0;
    const storage = config({ postQuantum: 'require' }, { endpoint: undefined, forcePathStyle: true });
    await expect(check(storage)).rejects.toMatchObject({
      jsonPath: '$.storage.tls.postQuantum',
      message: expect.stringContaining('NotEncrypted: the endpoint is plain http') as unknown,
    });
    await expect(names(await open(storage))).rejects.toMatchObject({ code: 'unavailable' });
    expect(answering.requests).toEqual([]);
    expect(await check(config({}, { endpoint: undefined, forcePathStyle: true }))).toBeNull();
  });
});

describe('the link of a configuration', () => {
  const link = async (tls?: Tls, more?: Partial<StorageInput>) => storageLink(config(tls, more), 'own.json');

  test('is told after one handshake, without a request', async () => {
    answering.requests.length = 0;
    expect(await link()).toEqual({
      kind: 'tls',
      host: '127.0.0.1',
      port: proxy.port,
      protocol: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      group: 'X25519MLKEM768',
      postQuantum: true,
      authorized: true,
      authorizationError: null,
      certificateKeyType: 'ec',
    });
    expect(answering.requests).toEqual([]);
    expect(await link({ caFile: strangersFile })).toMatchObject({
      authorized: false,
      authorizationError: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
  });

  test('of a classical store, preferred and required', async () => {
    proxy.become({ ...server, ecdhCurve: CLASSICAL_GROUPS });
    expect(await link()).toMatchObject({ kind: 'tls', group: 'X25519', postQuantum: false });
    expect(await link({ postQuantum: 'require' })).toMatchObject({
      kind: 'failed',
      code: 'NotPostQuantum',
      offered: { protocol: 'TLSv1.3', group: 'X25519', postQuantum: false },
    });
  });

  test('without TLS, and to where nobody is', async () => {
    const plain = configSchema.parse({
      hostKeys: ['x'],
      storage: { type: 's3', bucket: 'partner-files', endpoint: answering.endpoint },
    }).storage;
    if (plain.type !== 's3') throw new Error('not s3');
    expect(await storageLink(plain, 'own.json')).toMatchObject({ kind: 'plain', host: '127.0.0.1' });
    const port = await freePort();
    expect(await link({ postQuantum: 'require' }, { endpoint: `https://127.0.0.1:${port}` })).toEqual({
      kind: 'failed',
      host: '127.0.0.1',
      port,
      code: 'ECONNREFUSED',
      problem: expect.stringContaining('ECONNREFUSED') as unknown,
      offered: null,
    });
  });

  test('with settings that cannot be used', async () => {
    await expect(link({ caFile: path.join(folder, 'none') })).rejects.toThrow(/own\.json: \$\.storage\.tls\.caFile/);
  });
});

test('refusals of one kind are told again after a while', async () => {
  const told: LinkEvent[] = [];
  const tls = { context: keyExchange('prefer'), encryptedOnly: false };
  const watch = new LinkWatch(tls, (event) => told.push(event), 0);
  const error = Object.assign(new Error('no'), { code: 'CERT_HAS_EXPIRED' });
  for (let i = 0; i < 2; i += 1) watch.onConnection({ kind: 'failed', host: 'h', port: 1, error });
  // A network that fails is none of its business.
  const reset = Object.assign(new Error('no'), { code: 'ECONNRESET' });
  watch.onConnection({ kind: 'failed', host: 'h', port: 1, error: reset });
  await until(() => told.length >= 2, 'both are told');
  expect(told).toEqual(
    Array.from({ length: 2 }, () => ({ kind: 'refused', host: 'h', code: 'CERT_HAS_EXPIRED', problem: 'no' })),
  );
});

describe('radosgw behind TLS', () => {
  withS3('a file goes there and back over post-quantum connections alone', async () => {
    if (S3_ENDPOINT === undefined) return;
    const bucket = await TestBucket.create(S3_ENDPOINT);
    const front = await TlsProxy.start(S3_ENDPOINT, { ...server, ecdhCurve: MODERN_GROUPS, minVersion: 'TLSv1.3' });
    try {
      running = await startTestServer({
        storage: {
          ...input({ postQuantum: 'require' }),
          bucket: bucket.name,
          region,
          endpoint: front.endpoint,
          credentials: credentials(),
          partBytes: 5 * 1024 ** 2,
        },
      });
      const channel = await SftpChannel.open(await login(running.port, 'demo', PASSWORD));
      const content = Buffer.alloc(12 * 1024 ** 2 + 7, 'latticeport');
      await channel.put('/large', content);
      expect((await channel.get('/large')).equals(content)).toBe(true);
      channel.client.end();
      expect(front.connections).toBeGreaterThan(1);
      const told = running.log.filter(({ event }) => event === 'storage.connected');
      expect(told.length).toBeGreaterThan(0);
      expect(told.every((line) => line['postQuantum'] === true)).toBe(true);
      await running.stop();
      running = undefined;
    } finally {
      await front.stop();
      await bucket.destroy();
    }
  });
});
