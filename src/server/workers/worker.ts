import cluster from 'node:cluster';
import type { AddressInfo } from 'node:net';
import type { MetricSnapshot } from '../../telemetry/metric-snapshot.ts';
import type { StoreRegistry } from '../../storage/registry/store-registry.ts';
import type { Admission } from '../admission.ts';
import type { HostKeyPassphrases } from '../host-keys.ts';
import type { ToPrimary } from './messages.ts';
import { isToWorker } from './messages.ts';
import { WorkerLanes, type NameSharing } from './worker-lanes.ts';

/** What the primary tells a worker to do. */
export interface WorkerOrders {
  /** End the sessions of those who could not log in under the configuration as it is now. */
  reloaded(): void;
  /** Finish when the last session has ended by itself. */
  retire(): void;
  /** Finish within the deadline. */
  drain(): void;
  /** What has been counted here; nothing where nothing is. */
  measure(): Promise<readonly MetricSnapshot[]>;
}

/** A worker's end of the channel to the primary. */
export class PrimaryLink implements Admission, NameSharing {
  readonly #measure: WorkerOrders['measure'];
  readonly #waiting = new Map<number, (wait: number | null) => void>();
  readonly #passphrases = Promise.withResolvers<HostKeyPassphrases>();
  readonly #closed = Promise.withResolvers<undefined>();
  readonly #entering = new Map<number, (may: boolean) => void>();
  #lanes: WorkerLanes | undefined;
  #nextId = 0;

  constructor(orders: WorkerOrders) {
    this.#measure = () => orders.measure();
    // Otherwise node:cluster ends this process, sessions and all, the moment that the primary is gone.
    if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
    process.on('message', (message) => {
      if (!isToWorker(message)) return;
      switch (message.type) {
        case 'admitted':
          this.#waiting.get(message.id)?.(message.wait);
          this.#waiting.delete(message.id);
          break;
        case 'passphrases':
          this.#passphrases.resolve(new Map(message.passphrases));
          break;
        case 'entered':
          this.#entering.get(message.id)?.(message.may);
          this.#entering.delete(message.id);
          break;
        case 'lanes':
          this.#lanes?.received(message.order);
          break;
        case 'measure':
          void this.#report(message.round);
          break;
        case 'reloaded':
          orders.reloaded();
          break;
        case 'retire':
          orders.retire();
          break;
        case 'drain':
          orders.drain();
          break;
        case 'closed':
          this.#closed.resolve(undefined);
          break;
      }
    });
    // A primary that is gone cannot replace us or stop us: finish what runs, then end.
    process.on('disconnect', () => {
      for (const answer of this.#waiting.values()) answer(0);
      this.#waiting.clear();
      for (const answer of this.#entering.values()) answer(true);
      this.#entering.clear();
      this.#passphrases.resolve(new Map());
      this.#closed.resolve(undefined);
      this.#lanes?.disconnected();
      orders.drain();
    });
  }

  /** Those of the host keys that somebody was asked for when the primary started. */
  passphrases(): Promise<HostKeyPassphrases> {
    this.#send({ type: 'passphrases' });
    return this.#passphrases.promise;
  }

  admit(source: string): Promise<number | null> {
    // Without the primary nothing new is accepted; what comes out of the queue still is served, and not left to wait.
    if (!process.connected) return Promise.resolve(0);
    return new Promise((resolve) => {
      this.#nextId += 1;
      this.#waiting.set(this.#nextId, resolve);
      this.#send({ type: 'admit', id: this.#nextId, source });
    });
  }

  share(registry: StoreRegistry, store: string): void {
    const lanes = new WorkerLanes(store, (request) => {
      this.#send({ type: 'lanes', request });
    });
    lanes.serve(registry.connect(lanes));
    this.#lanes = lanes;
  }

  /** `storageReady`: whether the store answers. */
  ready({ address, port }: AddressInfo, storageReady: boolean): void {
    this.#send({ type: 'ready', host: address, port, storageReady });
  }

  storageReady(): void {
    this.#send({ type: 'storage-ready' });
  }

  enter(user: string, limit: number): Promise<boolean> {
    if (!process.connected) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#nextId += 1;
      this.#entering.set(this.#nextId, resolve);
      this.#send({ type: 'enter', id: this.#nextId, user, limit });
    });
  }

  leave(user: string): void {
    if (process.connected) this.#send({ type: 'leave', user });
  }

  /**
   * To be called when the port is closed here. The primary may have sent connections by then: each is refused, and handed to
   * another worker, if this process lives until it has come. Resolves when none can come any more.
   */
  async closed(): Promise<void> {
    if (!process.connected) return;
    this.#send({ type: 'closed' });
    await this.#closed.promise;
  }

  /** Resolves when the primary has been told, or cannot be. */
  failed(message: string): Promise<void> {
    return this.#tell({ type: 'failed', message });
  }

  /** Says what was counted here once more, before the end. Resolves when the primary has been told, or cannot be. */
  lastReport(): Promise<void> {
    return this.#report(0);
  }

  async #report(round: number): Promise<void> {
    // Without an answer the primary shows the one before.
    const metrics = await this.#measure().catch(() => null);
    if (metrics !== null) await this.#tell({ type: 'measured', round, metrics });
  }

  #tell(message: ToPrimary): Promise<void> {
    return new Promise((resolve) => {
      if (process.send === undefined || !process.connected) resolve();
      else {
        process.send(message, undefined, undefined, () => {
          resolve();
        });
      }
    });
  }

  #send(message: ToPrimary): void {
    // A channel that breaks is told of by 'disconnect'.
    process.send?.(message, undefined, undefined, () => undefined);
  }
}
