import type { Identity } from '../../test/interop/identity.ts';

/** What a server of the benchmark is given. */
export interface Place {
  /** A folder of its own in RAM (or on disk, where there is no /dev/shm), empty. */
  readonly directory: string;
  /** The folder whose files it serves. */
  readonly files: string;
  readonly identity: Identity;
  /** Where set, files are in this bucket instead of `files`; servers that have no S3 store do not run. */
  readonly bucket?: Bucket;
  /** Settings of our own server for this scenario; the peers ignore them. */
  readonly latticeport?: Readonly<Record<string, unknown>>;
  /** For the Node that runs our own server. */
  readonly nodeArguments?: readonly string[];
  /** Cores that the server may use, as taskset takes them; default: all. */
  readonly cores?: string;
}

export interface Bucket {
  readonly endpoint: string;
  readonly name: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface RunningBenchServer {
  readonly port: number;
  readonly user: string;
  /** Where there are several: `user`-0 and on, so many. */
  readonly users?: number;
  /** How long it took from the start of the process until everybody is let in, and what it had resident then. */
  readonly atStart?: { readonly seconds: number; readonly residentBytes: number };
  /** The process whose tree's CPU time and memory are measured. */
  readonly pid: number;
  /** How a client names the served folder: `/` where the server shows nothing else. */
  readonly remoteRoot: string;
  /** True where each session is a process of its own. */
  readonly processPerSession: boolean;
  /** Of the plain SDK, which is no server: the parts of one file on their way at a time. */
  readonly inFlight?: number;
  stop(): Promise<void>;
}

export interface BenchServer {
  readonly name: string;
  /** `null` where it is not installed. */
  readonly version: string | null;
  readonly storesInS3: boolean;
  start(place: Place): Promise<RunningBenchServer>;
}
