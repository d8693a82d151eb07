import type { StorePath } from '../../storage/object-store.ts';
import type { NameChange } from '../../storage/registry/other-processes.ts';
import { PathLanes } from '../../storage/registry/path-lanes.ts';
import { isInside } from '../../storage/store-path.ts';
import type { LaneOrder, LaneRequest } from './lane-messages.ts';

/** The names of one store: who is at work on which, and who has which files open for writing. */
interface StoreNames {
  readonly key: string;
  readonly lanes: PathLanes;
  /** By worker and path: how many versions are open. */
  readonly open: Map<number, Map<StorePath, number>>;
}

interface Pass {
  readonly names: StoreNames;
  readonly paths: readonly StorePath[];
  readonly leave: () => void;
}

/**
 * The primary's part in the registry of open files: the lanes are one for all workers, and whoever works on a name has
 * those asked that have files open under it. A worker that ends lets go of everything, and is waited for no longer.
 */
export class LaneKeeper {
  readonly #send: (worker: number, order: LaneOrder) => void;
  readonly #stores = new Map<string, StoreNames>();
  readonly #passes = new Map<string, Pass>();
  readonly #orders = new Map<number, { readonly worker: number; readonly done: () => void }>();
  readonly #gone = new Set<number>();
  #lastOrder = 0;

  /** `send` may fail silently for a worker that ends: `ended` tells of it. */
  constructor(send: (worker: number, order: LaneOrder) => void) {
    this.#send = send;
  }

  /** Passes that are held now. */
  get held(): number {
    return this.#passes.size;
  }

  received(worker: number, request: LaneRequest): void {
    switch (request.kind) {
      case 'enter':
        void this.#enter(worker, request);
        break;
      case 'leave':
        this.#leave(worker, request.id);
        break;
      case 'tell':
        void this.#tell(worker, request.id, request.change);
        break;
      case 'opened':
        this.#count(worker, request.store, request.path, 1);
        break;
      case 'ended':
        this.#count(worker, request.store, request.path, -1);
        break;
      case 'done':
        this.#orders.get(request.order)?.done();
        break;
    }
  }

  /** The worker's process is gone, and its open files with it. */
  ended(worker: number): void {
    this.#gone.add(worker);
    for (const { open } of this.#stores.values()) open.delete(worker);
    for (const { worker: asked, done } of this.#orders.values()) if (asked === worker) done();
    for (const [key, pass] of this.#passes) {
      if (!key.startsWith(`${worker}:`)) continue;
      this.#passes.delete(key);
      pass.leave();
    }
  }

  async #enter(worker: number, { id, store, paths, publish }: Extract<LaneRequest, { kind: 'enter' }>): Promise<void> {
    const names = this.#names(store);
    const leave = await names.lanes.enter(paths);
    if (this.#gone.has(worker)) {
      leave();
      return;
    }
    this.#passes.set(passKey(worker, id), { names, paths, leave });
    const others = sharers(names, worker, paths);
    if (publish) {
      await Promise.all(others.map(async (other) => this.#ask(other, { kind: 'publish', store: names.key, paths })));
    }
    this.#send(worker, { kind: 'entered', id, shared: others.length > 0 });
  }

  #leave(worker: number, id: number): void {
    const key = passKey(worker, id);
    const pass = this.#passes.get(key);
    this.#passes.delete(key);
    pass?.leave();
  }

  async #tell(worker: number, id: number, change: NameChange): Promise<void> {
    const pass = this.#passes.get(passKey(worker, id));
    if (pass !== undefined) {
      const { names, paths } = pass;
      await Promise.all(
        sharers(names, worker, paths).map(async (other) =>
          this.#ask(other, { kind: 'happened', store: names.key, change }),
        ),
      );
    }
    this.#send(worker, { kind: 'told', id });
  }

  /** Resolves when the worker has done it, or is gone. */
  #ask(
    worker: number,
    order:
      | { readonly kind: 'publish'; readonly store: string; readonly paths: readonly StorePath[] }
      | { readonly kind: 'happened'; readonly store: string; readonly change: NameChange },
  ): Promise<void> {
    this.#lastOrder += 1;
    const number = this.#lastOrder;
    return new Promise((resolve) => {
      const done = (): void => {
        this.#orders.delete(number);
        resolve();
      };
      this.#orders.set(number, { worker, done });
      this.#send(worker, { ...order, order: number });
    });
  }

  #count(worker: number, store: string, path: StorePath, by: 1 | -1): void {
    if (this.#gone.has(worker)) return;
    const { open } = this.#names(store);
    const own = open.get(worker) ?? new Map<StorePath, number>();
    open.set(worker, own);
    const count = (own.get(path) ?? 0) + by;
    if (count > 0) own.set(path, count);
    else own.delete(path);
  }

  #names(key: string): StoreNames {
    const known = this.#stores.get(key);
    if (known !== undefined) return known;
    const names: StoreNames = { key, lanes: new PathLanes(), open: new Map() };
    this.#stores.set(key, names);
    return names;
  }
}

/** The other workers that have files open at the paths or under them. */
function sharers({ open }: StoreNames, worker: number, paths: readonly StorePath[]): number[] {
  const found: number[] = [];
  for (const [other, own] of open) {
    if (other === worker || own.size === 0) continue;
    if ([...own.keys()].some((name) => paths.some((path) => isInside(name, path)))) found.push(other);
  }
  return found;
}

function passKey(worker: number, id: number): string {
  return `${worker}:${id}`;
}
