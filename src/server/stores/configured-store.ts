import type { UserConfig } from '../../config/schema.ts';
import type { ObjectStore, StoreEventSink } from '../../storage/object-store.ts';
import type { BucketProblem } from '../../storage/s3/api/probe-bucket.ts';
import type { RequestTry } from '../../storage/s3/api/retry.ts';
import type { LinkEvent } from './link-watch.ts';

/** Memory that all transfers of a store share. Bytes. */
export interface StoreBudgets {
  readonly uploadBytes: number;
  readonly readAheadBytes: number;
}

/** What the server must know of a kind of store, with its settings. `configuredStore` is where the kind is asked. */
export interface ConfiguredStore {
  /** Where its files are, for people. */
  readonly place: string;
  /** The same text for the same files in every process; undefined where each process has files of its own. */
  readonly identity: string | undefined;
  /** The directory of this machine that holds the files, where there is one. */
  readonly directory: string | undefined;
  /** Undefined where it has none. */
  readonly budgets: StoreBudgets | undefined;
  /** The reasons of its failed requests, where it makes any: for metrics. */
  readonly faultKinds: readonly string[];
  /** The groups that its TLS connections may come to, where it makes any: for metrics. */
  readonly tlsGroups: readonly string[];
  /**
   * Whether it can work: null, or what keeps it from answering for now.
   * @throws ConfigError for what will not go away by itself, with the name of the configuration `file`
   */
  check(file: string, users: readonly UserConfig[]): Promise<BucketProblem | null>;
  /** As `check`, once the server runs. Throws nothing that `check` has not. */
  probe(): Promise<BucketProblem | null>;
  /** Throws StorageError, or ConfigError for settings that do not go together. */
  open(file: string, how: StoreWatchers): Promise<ObjectStore>;
}

/** Who is told what a store does. */
export interface StoreWatchers {
  readonly onEvent: StoreEventSink;
  /** Of requests to a store on the network. */
  readonly onTry?: (ended: RequestTry) => void;
  /** Of TLS connections to such a store. */
  readonly onLink?: (event: LinkEvent) => void;
}

/** `bucket "files" at http://127.0.0.1:9000: NoSuchBucket (404): there is no such bucket`. */
export function problemAt(place: string, { code, status, words }: BucketProblem): string {
  const answer = status === undefined || code.includes(String(status)) ? code : `${code} (${status})`;
  return `${place}: ${answer}: ${words}`;
}
