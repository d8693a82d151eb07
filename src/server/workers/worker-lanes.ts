import type { LanePass, NameChange, OtherProcesses, ThisProcess } from '../../storage/registry/other-processes.ts';
import type { StoreRegistry } from '../../storage/registry/store-registry.ts';
import { ALONE } from '../../storage/registry/other-processes.ts';
import type { StorePath } from '../../storage/object-store.ts';
import type { LaneOrder, LaneRequest } from './lane-messages.ts';

/** Whoever makes the names of a store one for several processes. `store` is the same text in each of them. */
export interface NameSharing {
  share(registry: StoreRegistry, store: string): void;
}

/** A worker's part in the lanes that all workers share. Without the primary the worker goes on alone. */
export class WorkerLanes implements OtherProcesses {
  readonly #store: string;
  readonly #send: (request: LaneRequest) => void;
  readonly #entering = new Map<number, (shared: boolean) => void>();
  readonly #telling = new Map<number, () => void>();
  #self: ThisProcess | undefined;
  #lastId = 0;
  #alone = false;

  /** `store` is the same text in every worker that works on the same store. */
  constructor(store: string, send: (request: LaneRequest) => void) {
    this.#store = store;
    this.#send = send;
  }

  /** Who carries out what other workers ask. */
  serve(self: ThisProcess): void {
    this.#self = self;
  }

  async enter(paths: readonly StorePath[], { publish }: { readonly publish: boolean }): Promise<LanePass> {
    if (this.#alone) return ALONE.enter(paths, { publish });
    this.#lastId += 1;
    const id = this.#lastId;
    const shared = await new Promise<boolean>((resolve) => {
      this.#entering.set(id, resolve);
      this.#send({ kind: 'enter', id, store: this.#store, paths, publish });
    });
    return {
      sharedElsewhere: shared,
      tell: (change) => this.#tell(id, change),
      leave: () => {
        if (!this.#alone) this.#send({ kind: 'leave', id });
      },
    };
  }

  opened(path: StorePath): void {
    if (!this.#alone) this.#send({ kind: 'opened', store: this.#store, path });
  }

  ended(path: StorePath): void {
    if (!this.#alone) this.#send({ kind: 'ended', store: this.#store, path });
  }

  received(order: LaneOrder): void {
    switch (order.kind) {
      case 'entered':
        this.#entering.get(order.id)?.(order.shared);
        this.#entering.delete(order.id);
        break;
      case 'told':
        this.#telling.get(order.id)?.();
        this.#telling.delete(order.id);
        break;
      case 'publish':
        void this.#carryOut(order.order, order.store, (self) => self.publish(order.paths));
        break;
      case 'happened':
        void this.#carryOut(order.order, order.store, (self) => self.happened(order.change));
        break;
    }
  }

  /** The primary is gone: nobody answers any more. */
  disconnected(): void {
    this.#alone = true;
    for (const enter of this.#entering.values()) enter(false);
    this.#entering.clear();
    for (const told of this.#telling.values()) told();
    this.#telling.clear();
  }

  #tell(id: number, change: NameChange): Promise<void> {
    if (this.#alone) return Promise.resolve();
    return new Promise((resolve) => {
      this.#telling.set(id, resolve);
      this.#send({ kind: 'tell', id, change });
    });
  }

  async #carryOut(order: number, store: string, act: (self: ThisProcess) => Promise<void>): Promise<void> {
    // A worker of a newer configuration may have another store.
    if (this.#self !== undefined && store === this.#store) await act(this.#self);
    if (!this.#alone) this.#send({ kind: 'done', order });
  }
}
