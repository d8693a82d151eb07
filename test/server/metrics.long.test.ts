// What a running server says of itself, after real clients did real things.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Monitoring } from '../../src/server/monitoring.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { login, SftpChannel } from '../client/sftp-channel.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import type { HarnessOptions, RunningServer } from '../interop/server-harness.ts';
import { startLatticeport } from '../interop/server-harness.ts';
import { findPeer } from '../peers/peers.ts';
import { runProgram } from '../peers/process.ts';
import { FaultProxy } from '../storage/fault-proxy/fault-proxy.ts';
import { credentials, region, TestBucket } from '../storage/s3/s3-server.ts';
import { samplesOf } from '../telemetry/prometheus-text.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import { sftpCommand } from './openssh-sftp.ts';

const openssh = findPeer('openssh-10');
const S3_ENDPOINT = process.env['S3_ENDPOINT'];
const withOpenssh = openssh === null ? test.skip : test;
const withS3 = S3_ENDPOINT === undefined ? test.skip : test;

const base = mkdtempSync(path.join(tmpdir(), 'latticeport-metrics-'));
let identity: Identity;
let folder: string;
let count = 0;
let server: RunningServer;
let metricsPort: number;

beforeAll(async () => {
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
  await server.process.stop('SIGKILL');
});

async function start(options: Partial<HarnessOptions> = {}): Promise<void> {
  server = await startLatticeport({
    directory: folder,
    identity,
    ...options,
    config: { metrics: { port: 0 }, ...options.config },
  });
  const { port } = await server.logged(({ event }) => event === 'metrics.listening');
  metricsPort = Number(port);
}

const ask = async (what: string): Promise<Response> => fetch(`http://127.0.0.1:${metricsPort}/${what}`);

/** All of our own samples that are not zero and change by themselves only when something happens. */
async function samples(prefix = 'latticeport_'): Promise<Record<string, number>> {
  const response = await ask('metrics');
  expect(response.status).toBe(200);
  const found = samplesOf(await response.text(), prefix);
  return Object.fromEntries(Object.entries(found).filter(([name]) => !/_info\{|memory_limit/.test(name)));
}

/** Waits until the metrics are as wanted. */
async function eventually(wanted: Record<string, number>, prefix: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const now = await samples(prefix);
    if (performance.now() > deadline) expect(now).toEqual(wanted);
    try {
      expect(now).toEqual(wanted);
      return;
    } catch {
      continue;
    }
  }
}

const sessionsClosed = (many = 1): Promise<void> =>
  until(() => server.log().filter(({ event }) => event === 'session.closed').length === many, 'sessions are over');

async function session(): Promise<SftpChannel> {
  return SftpChannel.open(await login(server.port, identity.user, identity.userKeys.ed25519));
}

describe('counts', () => {
  withOpenssh("exactly what a put of OpenSSH's over mlkem768x25519 is", async () => {
    if (openssh === null) return;
    await start();
    expect(await samples()).toEqual({});
    // There from the start, or the first one would be no increase.
    const text = await (await ask('metrics')).text();
    expect(text).toContain('latticeport_key_exchanges_total{method="curve25519-sha256",kind="classical"} 0\n');
    expect(text).toContain('latticeport_logins_total{method="password",outcome="wrong-password"} 0\n');
    const file = path.join(folder, 'upload');
    writeFileSync(file, randomBytes(100_000));
    const target = { port: server.port, identity, directory: folder };
    const command = sftpCommand(openssh, target, { options: ['KexAlgorithms=mlkem768x25519-sha256'] });
    expect(await runProgram(command, { input: `put ${file} file\n` })).toMatchObject({ code: 0 });
    await sessionsClosed();
    expect(await samples()).toEqual({
      latticeport_connections_accepted_total: 1,
      'latticeport_key_exchanges_total{method="mlkem768x25519-sha256",kind="post-quantum"}': 1,
      'latticeport_logins_total{method="publickey",outcome="success"}': 1,
      'latticeport_sftp_requests_total{request="limits",status="ok"}': 1,
      'latticeport_sftp_requests_total{request="realpath",status="ok"}': 1,
      'latticeport_sftp_requests_total{request="stat",status="no_such_file"}': 1,
      'latticeport_sftp_requests_total{request="open",status="ok"}': 1,
      'latticeport_sftp_requests_total{request="write",status="ok"}': 1,
      'latticeport_sftp_requests_total{request="close",status="ok"}': 1,
      latticeport_sftp_written_bytes_total: 100_000,
    });
  });

  test('a wrong password, a client without an algorithm in common, and one that goes away', async () => {
    await start();
    await expect(login(server.port, identity.user, 'wrong')).rejects.toThrow('was not let in');
    const old = SshTestClient.connect(server.port, {
      algorithms: { ...MODERN, kex: ['diffie-hellman-group14-sha256'], ciphers: ['3des-cbc'] },
    });
    await old.whenClosed();
    await eventually(
      {
        latticeport_connections_accepted_total: 2,
        'latticeport_key_exchanges_total{method="curve25519-sha256",kind="classical"}': 1,
        'latticeport_key_exchange_failures_total{reason="no-common-algorithm"}': 1,
        'latticeport_logins_total{method="password",outcome="wrong-password"}': 1,
      },
      'latticeport_',
    );
  });

  test('what is open, and a file that its client did not close', async () => {
    await start();
    const sftp = await session();
    const handle = await sftp.create('/file');
    await sftp.write(handle, 0, Buffer.from('half'));
    expect(await samples()).toMatchObject({
      'latticeport_sessions_open{state="authenticated"}': 1,
      latticeport_sftp_sessions_open: 1,
      latticeport_sftp_handles_open: 1,
      latticeport_sftp_written_bytes_total: 4,
    });
    sftp.client.end();
    await sessionsClosed();
    await eventually(
      { 'latticeport_sftp_partial_closes_total{outcome="stored"}': 1 },
      'latticeport_sftp_partial_closes_total',
    );
    await eventually({}, 'latticeport_sftp_sessions_open');
    await eventually({}, 'latticeport_sessions_open');
  });

  withS3('a 503 of the store as a retry, and its refusals as failures', async () => {
    if (S3_ENDPOINT === undefined) return;
    const bucket = await TestBucket.create(S3_ENDPOINT);
    const proxy = await FaultProxy.start(S3_ENDPOINT);
    try {
      const storage = {
        type: 's3',
        bucket: bucket.name,
        region,
        endpoint: proxy.endpoint,
        credentials: credentials(),
        spoolDirectory: path.join(folder, 'spool'),
      };
      await start({ storage });
      expect(await (await ask('metrics')).text()).toContain('latticeport_s3_retries_total{reason="timeout"} 0\n');
      const sftp = await session();
      let faults = 2;
      proxy.decide = ({ operation, url }) => {
        if (operation !== 'PutObject' || !url.includes('/file')) return undefined;
        faults -= 1;
        return faults >= 0 ? { kind: 'refuse', status: 503, code: 'SlowDown' } : undefined;
      };
      await sftp.put('/file', Buffer.from('content'));
      expect(await samples('latticeport_s3_retries')).toEqual({
        'latticeport_s3_retries_total{reason="slow-down"}': 2,
      });
      expect(await samples('latticeport_s3_failures')).toEqual({});
      expect(await samples('latticeport_s3_requests')).toMatchObject({
        'latticeport_s3_requests_total{operation="PutObject",outcome="retried"}': 2,
      });
      proxy.decide = ({ operation }) =>
        operation === 'PutObject' ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : undefined;
      await expect(sftp.put('/other', Buffer.from('content'))).rejects.toThrow();
      expect(await samples('latticeport_s3_retries')).toEqual({
        'latticeport_s3_retries_total{reason="slow-down"}': 2,
      });
      expect(Object.keys(await samples('latticeport_s3_failures'))).toEqual([
        'latticeport_s3_failures_total{reason="access-denied"}',
      ]);
      expect(await (await ask('metrics')).text()).toContain(
        'latticeport_memory_limit_bytes{budget="upload"} 268435456\n',
      );
      sftp.client.end();
      await server.stop();
    } finally {
      await proxy.stop();
      await bucket.destroy();
    }
  });
});

describe('workers', () => {
  const ACCEPTED = 'latticeport_connections_accepted_total';
  const WRITTEN = 'latticeport_sftp_written_bytes_total';
  const OPEN = 'latticeport_sessions_open{state="authenticated"}';

  async function startWorkers(): Promise<void> {
    await start({ config: { workers: 2 } });
    await server.logged(({ event }) => event === 'primary.ready');
  }

  test('are added up; what one that is killed had counted stays', async () => {
    await startWorkers();
    const sessions = [await session(), await session()];
    for (const [index, sftp] of sessions.entries()) await sftp.put(`/${index}`, randomBytes(1000));
    const entries = server.log().filter(({ event }) => event === 'auth.success');
    const [victim, survivor] = entries.map(({ worker }) => Number(worker));
    expect(victim).not.toBe(survivor);
    expect(await samples()).toMatchObject({ [ACCEPTED]: 2, [WRITTEN]: 2000, [OPEN]: 2, latticeport_workers: 2 });

    process.kill(victim ?? 0, 'SIGKILL');
    await server.logged(({ event }) => event === 'worker.replaced');
    expect(await samples()).toMatchObject({
      [ACCEPTED]: 2,
      [WRITTEN]: 2000,
      [OPEN]: 1,
      latticeport_workers: 2,
      latticeport_worker_deaths_total: 1,
    });
    await session();
    await session();
    expect(await samples()).toMatchObject({ [ACCEPTED]: 4, [OPEN]: 3 });
  });

  test('that a reload replaces take nothing with them, even what came after the last look', async () => {
    await startWorkers();
    const sftp = await session();
    const from = server.log().length;
    process.kill(server.pid, 'SIGHUP');
    await server.logged(({ event }) => event === 'config.reloaded', { from });
    await sftp.put('/file', randomBytes(3000));
    sftp.client.end();
    await eventually({ [WRITTEN]: 3000 }, WRITTEN);
    await server.logged(({ event }) => event === 'server.stopped', { from });
    await eventually({ [WRITTEN]: 3000 }, WRITTEN);
    await eventually({}, 'latticeport_sessions_open');
    expect(await samples('latticeport_config')).toEqual({ 'latticeport_config_reloads_total{outcome="reloaded"}': 1 });
  });

  test('that hang are shown as they last were, within two seconds', async () => {
    await startWorkers();
    await session();
    expect(await samples(ACCEPTED)).toEqual({ [ACCEPTED]: 1 });
    const stopped = Number(server.log().find(({ event }) => event === 'auth.success')?.['worker']);
    process.kill(stopped, 'SIGSTOP');
    try {
      const asked = performance.now();
      const now = await samples();
      expect(performance.now() - asked).toBeLessThan(2000);
      expect(now).toMatchObject({ [ACCEPTED]: 1, latticeport_worker_metrics_missed_total: 1 });
      expect(now).not.toHaveProperty([OPEN]);
    } finally {
      process.kill(stopped, 'SIGCONT');
    }
    await eventually({ [OPEN]: 1 }, 'latticeport_sessions_open');
  });
});

describe('readiness', () => {
  test.each([1, 2])('ends with SIGTERM while the process lives on: %s process(es)', async (workers) => {
    await start({ config: { workers } });
    if (workers > 1) await server.logged(({ event }) => event === 'primary.ready');
    expect([(await ask('readyz')).status, (await ask('healthz')).status]).toEqual([200, 200]);
    const sftp = await session();
    const handle = await sftp.create('/file');
    process.kill(server.pid, 'SIGTERM');
    await server.logged(({ event }) => event === 'server.draining');
    const answer = await ask('readyz');
    expect([answer.status, await answer.text()]).toEqual([503, 'draining\n']);
    expect((await ask('healthz')).status).toBe(200);
    expect(await samples('latticeport_sftp_handles_open')).toEqual({ latticeport_sftp_handles_open: 1 });
    await sftp.close(handle);
    await until(() => !server.process.running, 'the server has ended', 20_000);
    expect(server.process.end).toBe('exit status 0');
    await expect(ask('healthz')).rejects.toThrow();
  });

  test('is not there before the server listens', async () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) });
    const monitoring = await Monitoring.start({ host: '127.0.0.1', port: 0 }, log);
    metricsPort = (JSON.parse(lines[0] ?? '{}') as { port: number }).port;
    const answer = await ask('readyz');
    expect([answer.status, await answer.text()]).toEqual([503, 'starting\n']);
    monitoring.ready();
    expect((await ask('readyz')).status).toBe(200);
    monitoring.close();
  });
});

test('without the setting there is no port', async () => {
  server = await startLatticeport({ directory: folder, identity });
  expect(server.log().filter(({ event }) => event === 'metrics.listening')).toEqual([]);
});

test('a port that is taken: one line says so', async () => {
  await start();
  const other = path.join(folder, 'other');
  mkdirSync(other);
  const failed = startLatticeport({ directory: other, identity, config: { metrics: { port: metricsPort } } });
  await expect(failed).rejects.toThrow(
    /127\.0\.0\.1 port \d+ is in use by another program: choose another "metrics\.port"/,
  );
});
