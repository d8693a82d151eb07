import { realpathSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig } from '../../config/load.ts';
import type { ManagementConfig, StorageConfig } from '../../config/schema.ts';
import { ConfigError, jsonPathOf } from '../../policy/config-error.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { isInside } from '../../storage/store-path.ts';
import type { StoreBudgets } from '../stores/configured-store.ts';
import { configuredStore, openStore } from '../store.ts';
import { publishedStoreEvents } from '../store-events.ts';
import { StoreReadiness } from '../store-readiness.ts';

/** A storage of the configuration, open. */
export interface ManagedStorage {
  readonly settings: StorageConfig;
  readonly store: ObjectStore;
  readonly readiness: StoreReadiness;
}

/** The storages of the section `management`: each is open once in a process, for all servers. */
export class ManagedStorages {
  /** By the name of the bucket. */
  readonly #storages: ReadonlyMap<string, ManagedStorage>;

  private constructor(storages: ReadonlyMap<string, ManagedStorage>) {
    this.#storages = storages;
  }

  /**
   * Asks each storage and opens it. One that does not answer does not hinder it: `ready` tells. `node`: whose events their
   * stores publish.
   * @throws ConfigError for one that cannot be used, and for two that are the same place
   */
  static async open(
    node: string,
    { file }: LoadedConfig,
    { storages }: Pick<ManagementConfig, 'storages'>,
  ): Promise<ManagedStorages> {
    checkDistinct(file, storages);
    const open = new Map<string, ManagedStorage>();
    try {
      for (const [name, settings] of Object.entries(storages)) {
        open.set(name, await atPath(storagePath(name), () => openOne(node, file, settings)));
      }
    } catch (error) {
      await closeAll(open.values());
      throw error;
    }
    return new ManagedStorages(open);
  }

  get names(): readonly string[] {
    return [...this.#storages.keys()];
  }

  get all(): readonly ManagedStorage[] {
    return [...this.#storages.values()];
  }

  get(name: string): ManagedStorage | undefined {
    return this.#storages.get(name);
  }

  /**
   * The one that is the same place as `settings`: a second store there would not know what the first one writes.
   * @throws ConfigError where the other settings differ
   */
  samePlace(settings: StorageConfig, file: string): ManagedStorage | undefined {
    const { identity } = configuredStore(settings);
    if (identity === undefined) return undefined;
    for (const [name, storage] of this.#storages) {
      if (configuredStore(storage.settings).identity !== identity) continue;
      if (isDeepStrictEqual(storage.settings, settings)) return storage;
      throw new ConfigError(file, '$.storage', `is the same place as ${storagePath(name)}, with other settings`);
    }
    return undefined;
  }

  /** Whether each has answered. */
  get ready(): boolean {
    return this.all.every(({ readiness }) => readiness.ready);
  }

  /** What all of them may hold. */
  get budgets(): StoreBudgets | undefined {
    const budgets = this.all.flatMap(({ settings }) => configuredStore(settings).budgets ?? []);
    if (budgets.length === 0) return undefined;
    return {
      uploadBytes: budgets.reduce((sum, each) => sum + each.uploadBytes, 0),
      readAheadBytes: budgets.reduce((sum, each) => sum + each.readAheadBytes, 0),
    };
  }

  async close(): Promise<void> {
    await closeAll(this.all);
  }
}

/** Checks them without a connection. Throws ConfigError. */
export function checkDistinct(file: string, storages: ManagementConfig['storages']): void {
  const byPlace = new Map<string, string>();
  for (const [name, settings] of Object.entries(storages)) {
    const { identity } = configuredStore(settings);
    if (identity === undefined) continue;
    const other = byPlace.get(identity);
    if (other !== undefined) {
      throw new ConfigError(file, storagePath(name), `is the same place as ${storagePath(other)}`);
    }
    byPlace.set(identity, name);
    const around = Object.keys(storages).find((each) => each !== name && isWithin(settings, storages[each]));
    if (around !== undefined) {
      throw new ConfigError(
        file,
        storagePath(name),
        `lies in ${storagePath(around)}: users of that one would see it, and none of the two would know of the other's open files`,
      );
    }
  }
}

/** Whether all that is in the one is in the other, too. */
function isWithin(inner: StorageConfig, outer: StorageConfig | undefined): boolean {
  if (inner.type === 'local' && outer?.type === 'local') return isInside(realPath(inner.root), realPath(outer.root));
  if (inner.type !== 's3' || outer?.type !== 's3') return false;
  const [one, other] = [inner, outer].map(({ endpoint = '', bucket, region }) => [
    bucket,
    endpoint === '' ? region : new URL(endpoint).href,
  ]);
  return isDeepStrictEqual(one, other) && inner.prefix.startsWith(outer.prefix);
}

/** Without symbolic links, as far as it is there. */
function realPath(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}

/** Asks each of them. Answers the problems of those that do not answer for now. @throws ConfigError */
export async function askStorages(
  file: string,
  storages: ManagementConfig['storages'],
): Promise<
  readonly { readonly jsonPath: string; readonly settings: StorageConfig; readonly problem: string | null }[]
> {
  return Promise.all(
    Object.entries(storages).map(async ([name, settings]) => {
      const jsonPath = storagePath(name);
      const problem = await atPath(jsonPath, () => configuredStore(settings).check(file, []));
      return { jsonPath, settings, problem: problem === null ? null : problem.words };
    }),
  );
}

async function openOne(node: string, file: string, settings: StorageConfig): Promise<ManagedStorage> {
  const problem = await configuredStore(settings).check(file, []);
  const store = await openStore(settings, file, publishedStoreEvents(node));
  return { settings, store, readiness: new StoreReadiness(node, settings, problem) };
}

async function closeAll(storages: Iterable<ManagedStorage>): Promise<void> {
  await Promise.all(
    [...storages].map(async ({ store, readiness }) => {
      readiness.close();
      await store.close();
    }),
  );
}

function storagePath(name: string): string {
  return jsonPathOf(['management', 'storages', name]);
}

/** What is said of `$.storage` is said of that place. */
async function atPath<T>(jsonPath: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [first, ...others] = error.problems.map((each) => ({
      ...each,
      jsonPath: each.jsonPath.replace(/^\$\.storage/, jsonPath),
    }));
    throw first === undefined ? error : new ConfigError(error.file, first.jsonPath, first.problem, others);
  }
}
