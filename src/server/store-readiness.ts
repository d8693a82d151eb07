import type { LoadedConfig } from '../config/load.ts';
import type { StorageConfig } from '../config/schema.ts';
import { publish } from '../events/event-channels.ts';
import type { BucketProblem } from '../storage/s3/api/probe-bucket.ts';
import { configuredStore } from './store.ts';
import { problemAt } from './stores/configured-store.ts';

/** Pauses between looks at a store that does not answer. Milliseconds. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/**
 * Asks the configured store whether it can work. Answers what keeps it from answering for now, or null where it works.
 * @throws ConfigError for what will not go away by itself
 */
export async function checkStore({ config, file }: LoadedConfig): Promise<BucketProblem | null> {
  return configuredStore(config.storage).check(file, config.users);
}

/** As `problemAt` has it. */
export function problemInWords(storage: StorageConfig, problem: BucketProblem): string {
  return problemAt(placeInWords(storage), problem);
}

export function placeInWords(storage: StorageConfig): string {
  return configuredStore(storage).place;
}

/** Whether the store answers. Once it has, it is for each request to say what goes wrong. */
export class StoreReadiness {
  /** Resolves when the store answers; never where it is closed before. */
  readonly whenReady: Promise<void>;
  readonly #storage: StorageConfig;
  readonly #server: string;
  readonly #began = Date.now();
  #problem: BucketProblem | null;
  #resolve: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs: number;
  #closed = false;

  /** `server`: whose events it publishes. `problem` is what `checkStore` has answered. */
  constructor(server: string, storage: StorageConfig, problem: BucketProblem | null, firstPauseMs = FIRST_PAUSE_MS) {
    this.#server = server;
    this.#storage = storage;
    this.#problem = problem;
    this.#pauseMs = firstPauseMs;
    this.whenReady = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (problem === null) this.#resolve();
    else {
      this.#tell(problem);
      this.#waitAndLook();
    }
  }

  get ready(): boolean {
    return this.#problem === null;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #waitAndLook(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#pauseMs).unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
  }

  async #look(): Promise<void> {
    const problem = await configuredStore(this.#storage).probe();
    if (this.#closed) return;
    const before = this.#problem;
    this.#problem = problem;
    if (problem === null) {
      const seconds = (Date.now() - this.#began) / 1000;
      publish({ type: 'storage.reachable', server: this.#server, place: placeInWords(this.#storage), seconds });
      this.#resolve();
      return;
    }
    if (problem.code !== before?.code) this.#tell(problem);
    this.#waitAndLook();
  }

  #tell(problem: BucketProblem): void {
    const { code, status, permanent } = problem;
    const words = problemInWords(this.#storage, problem);
    publish({ type: 'storage.unreachable', server: this.#server, code, status, permanent, problem: words });
  }
}
