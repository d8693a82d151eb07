import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { WorkerMeter } from '../../src/server/workers/worker-meter.ts';
import type { MetricSnapshot } from '../../src/telemetry/metric-snapshot.ts';
import { MetricsLedger } from '../../src/telemetry/metrics-ledger.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { samplesOf } from './prometheus-text.ts';

const BUILD = { version: '1.2.3', node: '26.0.0', openssl: '3.5.0', fips: false };
const ACCEPTED = 'latticeport_connections_accepted_total';
const OPEN = 'latticeport_sessions_open{state="authenticated"}';

class FakeWorker {
  readonly metrics = new Metrics(BUILD);
  open = 0;

  constructor() {
    this.metrics.ssh.sessions = () => ({ authenticated: this.open, unauthenticated: 0 });
  }

  connect(): void {
    this.open += 1;
    this.metrics.ssh.connectionAccepted();
  }

  /** As it arrives over the channel between the processes. */
  async snapshot(): Promise<MetricSnapshot[]> {
    return JSON.parse(JSON.stringify(await this.metrics.snapshot())) as MetricSnapshot[];
  }
}

let own: Metrics;
let ledger: MetricsLedger;

beforeEach(() => {
  own = new Metrics(BUILD);
  ledger = new MetricsLedger();
});

async function shown(fresh: number[] = []): Promise<Record<string, number>> {
  return samplesOf(await ledger.text(await own.snapshot(), new Set(fresh)));
}

describe('the sums', () => {
  test('have every process, histograms included, and one build', async () => {
    const workers = [new FakeWorker(), new FakeWorker()];
    for (const [index, worker] of workers.entries()) {
      worker.connect();
      worker.metrics.ssh.keyExchange('mlkem768x25519-sha256', true);
      worker.metrics.storage.request({ operation: 'PutObject', milliseconds: 20 + 50 * index, outcome: 'ok' });
      worker.metrics.watchProcess();
      ledger.update(index, await worker.snapshot());
    }
    expect(await shown([0, 1])).toMatchObject({
      'latticeport_build_info{version="1.2.3",node="26.0.0",openssl="3.5.0",fips="off"}': 1,
      [ACCEPTED]: 2,
      [OPEN]: 2,
      'latticeport_key_exchanges_total{method="mlkem768x25519-sha256",kind="post-quantum"}': 2,
      'latticeport_s3_request_seconds_bucket{le="0.025",operation="PutObject"}': 1,
      'latticeport_s3_request_seconds_bucket{le="0.1",operation="PutObject"}': 2,
      'latticeport_s3_request_seconds_count{operation="PutObject"}': 2,
    });
  });

  test('keep what one that ended had counted, and not what it held', async () => {
    const worker = new FakeWorker();
    worker.connect();
    ledger.update(1, await worker.snapshot());
    ledger.ended(1);
    expect(await shown()).toMatchObject({ [ACCEPTED]: 1 });
    expect(await shown()).not.toHaveProperty([OPEN]);
    const next = new FakeWorker();
    next.connect();
    next.connect();
    ledger.update(2, await next.snapshot());
    expect(await shown([2])).toMatchObject({ [ACCEPTED]: 3, [OPEN]: 2 });
    ledger.ended(2);
    ledger.ended(2);
    expect(await shown()).toMatchObject({ [ACCEPTED]: 3 });
  });

  test('of counters never fall, whoever answers, is silent, ends or comes', async () => {
    const step = fc.record({
      worker: fc.nat(3),
      what: fc.constantFrom('connect', 'connect', 'update', 'update', 'end', 'look'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const all = new MetricsLedger();
        const workers = new Map<number, FakeWorker>();
        const incarnation = new Map<number, number>();
        let before = 0;
        for (const { worker: place, what } of steps) {
          const worker = workers.get(place) ?? new FakeWorker();
          workers.set(place, worker);
          const id = place + 10 * (incarnation.get(place) ?? 0);
          if (what === 'connect') worker.connect();
          else if (what === 'update') all.update(id, await worker.metrics.snapshot());
          else if (what === 'end') {
            all.ended(id);
            workers.delete(place);
            incarnation.set(place, (incarnation.get(place) ?? 0) + 1);
          }
          const now = samplesOf(await all.text(await own.snapshot(), new Set([id])))[ACCEPTED] ?? 0;
          expect(now).toBeGreaterThanOrEqual(before);
          before = now;
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('the meter', () => {
  const MISSED = 'latticeport_worker_metrics_missed_total';

  test('asks all at once, and waits for all', async () => {
    const meter = new WorkerMeter(own, ledger);
    const workers = [new FakeWorker(), new FakeWorker()];
    for (const worker of workers) worker.connect();
    const asked: number[] = [];
    const ask = (id: number) => (round: number) => {
      asked.push(id);
      void workers[id]?.snapshot().then((snapshot) => {
        meter.received(id, round, snapshot);
      });
    };
    const text = meter.text(workers.map((_, id) => ({ id, ask: ask(id) })));
    // Whoever asks meanwhile makes no more work.
    expect(meter.text([])).toBe(text);
    expect(asked).toEqual([0, 1]);
    const samples = samplesOf(await text);
    expect(samples).toMatchObject({ [ACCEPTED]: 2, [OPEN]: 2 });
    expect(samples).not.toHaveProperty(MISSED);
  });

  test('leaves out one that is silent and counts that; its late answer is not lost', async () => {
    const meter = new WorkerMeter(own, ledger, 30);
    const worker = new FakeWorker();
    worker.connect();
    const silent = { id: 7, ask: (): void => undefined };
    let samples = samplesOf(await meter.text([silent]));
    expect(samples).toMatchObject({ [MISSED]: 1 });
    expect(samples).not.toHaveProperty(ACCEPTED);
    meter.received(7, 1, await worker.snapshot());
    samples = samplesOf(await meter.text([silent]));
    expect(samples).toMatchObject({ [MISSED]: 2, [ACCEPTED]: 1 });
    expect(samples).not.toHaveProperty([OPEN]);
  });

  test('does not wait for one that ends', async () => {
    const meter = new WorkerMeter(own, ledger, 20_000);
    const worker = new FakeWorker();
    worker.connect();
    const dying = {
      id: 7,
      ask: (): void => {
        void worker.snapshot().then((snapshot) => {
          meter.received(7, 0, snapshot);
          meter.ended(7);
        });
      },
    };
    const samples = samplesOf(await meter.text([dying]));
    expect(samples).toMatchObject({ [ACCEPTED]: 1 });
    expect(samples).not.toHaveProperty(MISSED);
    expect(samples).not.toHaveProperty([OPEN]);
  });
});
