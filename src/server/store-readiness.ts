import type { LoadedConfig } from '../config/load.ts';
import type { StorageConfig, UserConfig } from '../config/schema.ts';
import { publish } from '../events/event-channels.ts';
import { ConfigError } from '../policy/config-error.ts';
import { rootProblem } from '../storage/local/check-root.ts';
import type { BucketProblem } from '../storage/s3/api/probe-bucket.ts';
import { s3Options } from './store.ts';

type S3Storage = Extract<StorageConfig, { type: 's3' }>;

/** Pauses between looks at a store that does not answer. Milliseconds. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/**
 * Asks the configured store whether it can work. Answers what keeps it from answering for now, or null where it works.
 * @throws ConfigError for what will not go away by itself
 */
export async function checkStore({ config, file }: LoadedConfig): Promise<BucketProblem | null> {
  const { storage } = config;
  switch (storage.type) {
    case 'memory':
      return null;
    case 'local': {
      const problem = await rootProblem(storage.root, isWritten(config.users));
      if (problem !== null) throw new ConfigError(file, '$.storage.root', problem);
      return null;
    }
    case 's3': {
      const problem = await probe(storage);
      if (problem?.permanent === true) {
        throw new ConfigError(file, `$.storage.${problem.setting}`, problemInWords(storage, problem));
      }
      return problem;
    }
  }
}

/** `bucket "files" at http://127.0.0.1:9000: NoSuchBucket (404): there is no such bucket`. */
export function problemInWords(storage: StorageConfig, { code, status, words }: BucketProblem): string {
  const answer = status === undefined || code.includes(String(status)) ? code : `${code} (${status})`;
  return `${placeInWords(storage)}: ${answer}: ${words}`;
}

export function placeInWords(storage: StorageConfig): string {
  switch (storage.type) {
    case 'memory':
      return 'memory';
    case 'local':
      return `directory ${JSON.stringify(storage.root)}`;
    case 's3':
      return `bucket ${JSON.stringify(storage.bucket)} at ${storage.endpoint ?? `AWS S3 in ${storage.region}`}`;
  }
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
    if (this.#storage.type !== 's3') return;
    const problem = await probe(this.#storage);
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

/** The SDK is large: only those who use it load it. */
async function probe(storage: S3Storage): Promise<BucketProblem | null> {
  const { probeBucket } = await import('../storage/s3/api/probe-bucket.ts');
  return probeBucket(s3Options(storage, () => undefined));
}

/** A directory that everybody only reads may be one that nobody can write. */
function isWritten(users: readonly UserConfig[]): boolean {
  return users.length === 0 || users.some(mayWrite);
}

function mayWrite({ permissions, homeDirectoryType, homeDirectoryMappings }: UserConfig): boolean {
  if (permissions === 'read-only') return false;
  if (permissions !== 'read-write' && permissions.every((each) => each === 'list' || each === 'read')) return false;
  return homeDirectoryType === 'PATH' || homeDirectoryMappings.some(({ readOnly }) => !readOnly);
}
