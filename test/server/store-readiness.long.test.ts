// A store that cannot work: what will not go away stops the start, what does not answer keeps /readyz at 503.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import type { RunningServer } from '../interop/server-harness.ts';
import { startLatticeport } from '../interop/server-harness.ts';
import type { Finished } from '../peers/process.ts';
import { freePort, runProgram } from '../peers/process.ts';
import { AnsweringStore } from '../storage/s3/answering-store.ts';
import { login } from '../client/sftp-channel.ts';
import { TestAuthority, writeCertificate } from '../tls/certificates.ts';
import { CLASSICAL_GROUPS, MODERN_GROUPS, TlsProxy } from '../tls/tls-proxy.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const HEALTHCHECK = path.resolve(import.meta.dirname, '../../docker/healthcheck.mjs');
const base = mkdtempSync(path.join(tmpdir(), 'latticeport-readiness-'));
let identity: Identity;
let folder: string;
let count = 0;
let server: RunningServer | null = null;
let store: AnsweringStore | null = null;
let proxy: TlsProxy | null = null;
const authority = new TestAuthority();
const issued = authority.issue();
const certificate = { cert: issued.certificate, key: issued.key };

beforeAll(async () => {
  writeFileSync(path.join(base, 'ca.crt'), authority.certificate);
  identity = await makeIdentity(path.join(base, 'identity'));
});

afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

beforeEach(() => {
  count += 1;
  folder = path.join(base, String(count));
  mkdirSync(folder);
});

afterEach(async () => {
  await server?.process.stop('SIGKILL');
  await proxy?.stop();
  await store?.stop();
  [server, store, proxy] = [null, null, null];
});

const storageAt = (endpoint: string): Record<string, unknown> => ({
  type: 's3',
  bucket: 'partner-files',
  endpoint,
  ...(endpoint.startsWith('https:') && { tls: { postQuantum: 'require', caFile: path.join(base, 'ca.crt') } }),
  credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'not-to-be-told' },
  spoolDirectory: path.join(folder, 'spool'),
});

/** Runs a command on a configuration with that store to its end. */
async function ran(command: readonly string[], endpoint: string, workers = 1): Promise<Finished> {
  writeFileSync(
    path.join(folder, 'own.json'),
    JSON.stringify({
      listen: { host: '127.0.0.1', port: 0 },
      hostKeys: [identity.hostKeys.ed25519.path],
      storage: storageAt(endpoint),
      workers,
    }),
    { mode: 0o600 },
  );
  return runProgram([process.execPath, MAIN, ...command, 'own.json'], { cwd: folder, timeoutMs: 30_000 });
}

describe('a mistake', () => {
  test.each([
    [404, 'NoSuchBucket', 'bucket', 1],
    [403, 'SignatureDoesNotMatch', 'credentials', 1],
    [403, 'AccessDenied', 'bucket', 2],
  ])('%d %s stops the start and names $.storage.%s (%d workers)', async (...row) => {
    const [status, code, setting, workers] = row;
    store = await AnsweringStore.start({ status, code });
    const { code: exitCode, stdout, stderr } = await ran(['serve', '--config'], store.endpoint, workers);
    expect(exitCode).toBe(1);
    expect(stdout).not.toContain('server.listening');
    // Nothing is tried with a store that does not want us.
    expect(stdout).not.toContain('SWEEP');
    expect(stderr).toMatch(/^latticeport: [^\n]+\n$/);
    expect(stderr).toContain(`own.json: $.storage.${setting}: bucket "partner-files" at ${store.endpoint}: ${code} `);
    expect(stderr).not.toContain('not-to-be-told');
    // One for each process that came so far: the first that fails ends the start.
    expect(store.requests.length).toBeGreaterThan(0);
    expect(store.requests.length).toBeLessThanOrEqual(workers);
  });
});

describe('a store without a post-quantum exchange, where one is required,', () => {
  test.each([1, 2])('stops the start, with %d worker(s), and check-config says the same', async (workers) => {
    store = await AnsweringStore.start('listing');
    proxy = await TlsProxy.start(store.endpoint, { ...certificate, ecdhCurve: CLASSICAL_GROUPS });
    const said = [];
    for (const command of [
      ['serve', '--config'],
      ['check-config', '--connect'],
    ]) {
      const { code, stdout, stderr } = await ran(command, proxy.endpoint, workers);
      expect(code).toBe(1);
      expect(stdout).not.toContain('server.listening');
      said.push(stderr);
    }
    expect(said[0]).toMatch(/^latticeport: own\.json: \$\.storage\.tls\.postQuantum: .*TLSv1\.3 with X25519,[^\n]*\n$/);
    expect(said[1]).toBe(said[0]);
    expect(store.requests).toEqual([]);
    proxy.become({ ...certificate, ecdhCurve: MODERN_GROUPS });
    expect(await ran(['check-config', '--connect'], proxy.endpoint)).toMatchObject({ code: 0 });
  });

  test('that was down at the start is an error when it comes, and keeps /readyz at 503, which is asked over TLS', async () => {
    store = await AnsweringStore.start('listing');
    const port = await freePort();
    const files = writeCertificate(folder, issued);
    server = await startLatticeport({
      directory: folder,
      identity,
      storage: storageAt(`https://127.0.0.1:${port}`),
      config: { metrics: { port: 0, tls: { ...files, postQuantum: 'require' } } },
    });
    const metrics = await server.logged(({ event }) => event === 'metrics.listening');
    const ready = async (): Promise<number | undefined> => {
      const options = { host: '127.0.0.1', port: Number(metrics['port']), path: '/readyz', agent: false };
      const asked = get({ ...options, ca: authority.certificate });
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect(await ready()).toBe(503);
    proxy = await TlsProxy.start(store.endpoint, { ...certificate, ecdhCurve: CLASSICAL_GROUPS }, port);
    const refused = await server.logged(
      ({ event, code }) => event === 'storage.unreachable' && code === 'NotPostQuantum',
    );
    expect(refused.level).toBe('error');
    expect(refused.msg).toContain('it made TLSv1.3 with X25519');
    expect(await ready()).toBe(503);
    proxy.become({ ...certificate, ecdhCurve: MODERN_GROUPS });
    await server.logged(({ event }) => event === 'storage.reachable');
    expect(await ready()).toBe(200);
    const health = await runProgram([process.execPath, HEALTHCHECK, path.join(folder, 'latticeport.json')]);
    // The port in the file is 0: nobody is there.
    expect(health.code).toBe(1);
    const known = path.join(folder, 'known-port.json');
    writeFileSync(known, JSON.stringify({ metrics: { port: Number(metrics['port']), tls: files } }));
    expect(await runProgram([process.execPath, HEALTHCHECK, known])).toMatchObject({ code: 0 });
  });
});

describe('check-config --connect', () => {
  test('says that the store answers, after one request; without the option it asks nothing', async () => {
    store = await AnsweringStore.start('listing');
    expect(await ran(['check-config'], store.endpoint)).toMatchObject({ code: 0 });
    expect(store.requests).toEqual([]);
    const { code, stdout } = await ran(['check-config', '--connect'], store.endpoint);
    expect(code).toBe(0);
    expect(stdout).toContain(`own.json: bucket "partner-files" at ${store.endpoint} answers.\n`);
    expect(store.requests).toHaveLength(1);
  });

  test('fails with what a start would say', async () => {
    store = await AnsweringStore.start({ status: 403, code: 'InvalidAccessKeyId' });
    const { code, stderr } = await ran(['check-config', '--connect'], store.endpoint);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `latticeport: own.json: $.storage.credentials: bucket "partner-files" at ${store.endpoint}: ` +
        'InvalidAccessKeyId (403): the store does not know the access key\n',
    );
  });

  test('fails where nothing answers', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const { code, stderr } = await ran(['check-config', '--connect'], endpoint);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`^latticeport: own\\.json: \\$\\.storage\\.endpoint: .* at ${endpoint}: ECONNREFUSED: [^\\n]+\\n$`),
    );
  });
});

describe.each([1, 2])('a store that does not answer, with %d workers', (workers) => {
  test('keeps /readyz at 503 and is told of, while the server listens; then both change', async () => {
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    server = await startLatticeport({
      directory: folder,
      identity,
      storage: storageAt(endpoint),
      config: { metrics: { port: 0 }, workers },
    });
    const metrics = await server.logged(({ event }) => event === 'metrics.listening');
    const ready = async (): Promise<[number, string]> => {
      const answer = await fetch(`http://127.0.0.1:${Number(metrics['port'])}/readyz`);
      return [answer.status, (await answer.text()).trim()];
    };
    if (workers > 1) await server.logged(({ event }) => event === 'primary.ready');
    const line = await server.logged(({ event }) => event === 'storage.unreachable');
    expect(line).toMatchObject({ level: 'warn', code: 'ECONNREFUSED' });
    expect(line.msg).toContain(`bucket "partner-files" at ${endpoint}: ECONNREFUSED`);
    expect(await ready()).toEqual([503, 'the storage does not answer']);
    (await login(server.port, identity.user, identity.password)).end();

    store = await AnsweringStore.start('listing', port);
    await server.logged(({ event }) => event === 'storage.reachable');
    const deadline = performance.now() + 20_000;
    while ((await ready())[0] !== 200 && performance.now() < deadline);
    expect(await ready()).toEqual([200, 'ok']);
  });
});

test('a store that answers at last, but not us, is an error and keeps /readyz at 503', async () => {
  const port = await freePort();
  server = await startLatticeport({
    directory: folder,
    identity,
    storage: storageAt(`http://127.0.0.1:${port}`),
    config: { metrics: { port: 0 } },
  });
  const metrics = await server.logged(({ event }) => event === 'metrics.listening');
  store = await AnsweringStore.start({ status: 404, code: 'NoSuchBucket' }, port);
  const refused = await server.logged(({ event, code }) => event === 'storage.unreachable' && code === 'NoSuchBucket');
  expect(refused.level).toBe('error');
  expect((await fetch(`http://127.0.0.1:${Number(metrics['port'])}/readyz`)).status).toBe(503);
  store.answer = 'listing';
  await server.logged(({ event }) => event === 'storage.reachable');
  expect((await fetch(`http://127.0.0.1:${Number(metrics['port'])}/readyz`)).status).toBe(200);
});
