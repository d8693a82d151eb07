import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { publish, subscribe } from '../../src/events/event-channels.ts';
import { eventMetrics } from '../../src/telemetry/event-metrics.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { Tally } from '../../src/telemetry/tally.ts';
import { parsePrometheus, samplesOf } from './prometheus-text.ts';

const BUILD = { version: '1.2.3', node: '26.0.0', openssl: '3.5.0', fips: false };

let metrics: Metrics;

beforeEach(() => {
  metrics = new Metrics(BUILD);
});

/** One of everything. */
function exercise(): void {
  metrics.ssh.connectionAccepted();
  metrics.ssh.connectionRefused('rate');
  metrics.ssh.keyExchange('mlkem768x25519-sha256', true);
  metrics.ssh.keyExchange('curve25519-sha256', false);
  metrics.ssh.keyExchangeFailed('no-common-algorithm');
  metrics.ssh.rekey();
  metrics.ssh.rekeyRefused();
  metrics.ssh.login('password', 'wrong-password');
  metrics.sftp.answered('read', 0, 'ok', 10);
  metrics.sftp.partialClose('stored');
  metrics.sftp.internalError();
  metrics.storage.request({ operation: 'PutObject', milliseconds: 20, outcome: 'ok' });
  metrics.storage.request({ operation: 'PutObject', milliseconds: 20, outcome: 'retried', reason: 'reset' });
  metrics.storage.request({ operation: 'PutObject', milliseconds: 20, outcome: 'failed', reason: 'access-denied' });
  metrics.storage.event('UPLOAD_SWEPT');
  metrics.storage.connected('X25519MLKEM768', true);
  metrics.storage.use = () => ({
    memory: [{ budget: 'upload', usedBytes: 1, limitBytes: 2 }],
    uploadsWaiting: 3,
    spoolBytes: 4,
    openReads: 5,
    openWrites: 6,
  });
  metrics.policyChange('reloaded');
  metrics.configReload('refused');
  metrics.workerDied();
  metrics.workerSilent();
}

/** Metric, type and labels of the text. */
async function families(): Promise<Record<string, { type: string; labels: string[] }>> {
  const parsed = parsePrometheus(await metrics.text());
  return Object.fromEntries(
    [...parsed].map(([name, { type, samples }]) => {
      const labels = [...samples.keys()].flatMap((key) => [...key.matchAll(/(\w+)="/g)].map(([, label = '']) => label));
      return [name, { type, labels: [...new Set(labels)].filter((label) => label !== 'le').sort() }];
    }),
  );
}

test('the names follow the conventions, and each has a help text', async () => {
  exercise();
  for (const [name, { type, help }] of parsePrometheus(await metrics.text())) {
    expect(name).toMatch(/^latticeport_[a-z0-9_]+$/);
    expect(help).not.toBe('');
    expect(`${name} ${type}`).toMatch(type === 'counter' ? /_total counter$/ : /(?<!_total) (gauge|histogram)$/);
  }
});

test('the table in docs/operations.md has them all, and no other', async () => {
  exercise();
  const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(latticeport_\w+)` \| (\w+) \|([^|]*)\|/gm)].map(
    ([, name = '', type, labels = '']) => [name, { type, labels: [...labels.matchAll(/\w+/g)].map(String).sort() }],
  );
  expect(Object.fromEntries(rows)).toEqual(await families());
});

test('every metric of the example alerts is there, under the labels that they use', async () => {
  exercise();
  metrics.watchProcess();
  const known = await families();
  const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const expressions = [...text.matchAll(/^ +expr: (.*)$/gm)].map(([, expression = '']) => expression);
  expect(expressions.length).toBeGreaterThan(5);
  for (const expression of expressions) {
    for (const [, name = '', selector = ''] of expression.matchAll(/((?:latticeport|nodejs)_\w+)(?:\{([^}]*)\})?/g)) {
      expect(known).toHaveProperty(name);
      for (const [, label] of selector.matchAll(/(\w+)=/g)) expect(known[name]?.labels).toContain(label);
    }
  }
});

test("what a client may choose becomes no label: a login's method", async () => {
  for (let i = 0; i < 100; i += 1) metrics.ssh.login(`method-${i}`, 'method-not-available');
  expect(samplesOf(await metrics.text(), 'latticeport_logins')).toEqual({
    'latticeport_logins_total{method="other",outcome="method-not-available"}': 100,
  });
});

test('what requirements refuse is counted apart, from 0 on', async () => {
  const count = eventMetrics(metrics);
  const identity = { server: 's-a', sessionId: 'a', remoteAddress: '192.0.2.1', user: 'acme' };
  const failed = { ...identity, type: 'auth.failed', key: null, keyIsUsers: false, error: undefined } as const;
  count['auth.failed']?.({ ...failed, method: 'password', reason: 'not-post-quantum-key' });
  count['session.rekey-refused']?.({ ...identity, type: 'session.rekey-refused', method: 'curve25519-sha256' });
  const text = await metrics.text();
  expect(samplesOf(text, 'latticeport_rekeys_refused')).toEqual({ latticeport_rekeys_refused_total: 1 });
  const logins = samplesOf(text, 'latticeport_logins');
  expect(logins['latticeport_logins_total{method="password",outcome="not-post-quantum-key"}']).toBe(1);
  for (const outcome of ['not-post-quantum', 'not-post-quantum-key']) {
    expect(text).toContain(`latticeport_logins_total{method="publickey",outcome="${outcome}"} 0\n`);
  }
});

test('connections to the store are counted by group, from 0 on', async () => {
  const detach = subscribe('s-a', eventMetrics(metrics), (error) => {
    throw error;
  });
  metrics.storage.mayConnect('X25519', false);
  const connected = { type: 'storage.connected', server: 's-a', host: 'h', protocol: 'TLSv1.3', cipher: 'c' } as const;
  publish({ ...connected, group: 'X25519MLKEM768', postQuantum: true });
  publish({ ...connected, group: 'X25519MLKEM768', postQuantum: true });
  publish({ ...connected, group: null, postQuantum: false });
  detach();
  const text = await metrics.text();
  expect(text).toContain('latticeport_s3_tls_connections_total{group="X25519",kind="classical"} 0\n');
  expect(samplesOf(text, 'latticeport_s3_tls')).toEqual({
    'latticeport_s3_tls_connections_total{group="X25519MLKEM768",kind="post-quantum"}': 2,
    'latticeport_s3_tls_connections_total{group="none",kind="classical"}': 1,
  });
});

test('an answer of the store that is no trouble is no failure', async () => {
  metrics.storage.request({ operation: 'HeadObject', milliseconds: 1, outcome: 'failed', reason: 'not-found' });
  metrics.storage.request({
    operation: 'PutObject',
    milliseconds: 1,
    outcome: 'failed',
    reason: 'precondition-failed',
  });
  metrics.storage.request({ operation: 'PutObject', milliseconds: 1, outcome: 'aborted' });
  const samples = samplesOf(await metrics.text(), 'latticeport_s3');
  expect(samples).toEqual({
    'latticeport_s3_requests_total{operation="HeadObject",outcome="not-found"}': 1,
    'latticeport_s3_requests_total{operation="PutObject",outcome="precondition-failed"}': 1,
    'latticeport_s3_requests_total{operation="PutObject",outcome="aborted"}': 1,
  });
});

test('bytes count for READ and WRITE only', async () => {
  for (let i = 0; i < 3; i += 1) {
    metrics.sftp.answered('read', 0, 'ok', 100);
    metrics.sftp.answered('write', 0, 'ok', 10);
  }
  metrics.sftp.answered('write', 4, 'failure', 0);
  expect(samplesOf(await metrics.text(), 'latticeport_sftp')).toEqual({
    'latticeport_sftp_requests_total{request="read",status="ok"}': 3,
    'latticeport_sftp_requests_total{request="write",status="ok"}': 3,
    'latticeport_sftp_requests_total{request="write",status="failure"}': 1,
    latticeport_sftp_read_bytes_total: 300,
    latticeport_sftp_written_bytes_total: 30,
  });
});

describe('a tally', () => {
  test('gives one cell for the same labels, and counts on between scrapes', async () => {
    const registry = new Registry();
    const tally = new Tally({ name: 'a_total', help: 'A.', labels: ['x', 'y'], registry });
    const cell = tally.cell({ x: '1', y: '2' });
    cell.value += 2;
    expect(tally.cell({ y: '2', x: '1' })).toBe(cell);
    expect(tally.cell({ x: '1', y: '3' })).not.toBe(cell);
    expect(samplesOf(await registry.metrics(), 'a')).toEqual({ 'a_total{x="1",y="2"}': 2 });
    cell.value += 1;
    expect(samplesOf(await registry.metrics(), 'a')).toEqual({ 'a_total{x="1",y="2"}': 3 });
  });
});
