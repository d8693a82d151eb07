import type { Identity } from '../../test/interop/identity.ts';
import type { BenchServer, Place, RunningBenchServer } from '../servers/bench-server.ts';

/** What a scenario's measurement is given beside the server. */
export interface Bench {
  /** A folder in RAM for the client's files. */
  readonly directory: string;
  /** The folder that the server serves, where it serves one of this machine. */
  readonly files: string;
  readonly identity: Identity;
  /** A short run that shows that everything works, not how fast. */
  readonly smoke: boolean;
}

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
}

export type Measurement = Readonly<Record<string, number>>;

/** One thing that is measured, over several servers, in several cases. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** How it is measured, for the report. */
  readonly method: string;
  readonly metrics: readonly Metric[];
  readonly cases: readonly string[];
  /** Each round begins with another case: the first one finds code that is not compiled yet. */
  readonly rotates?: true;
  /** Ours first. */
  readonly servers: readonly BenchServer[];
  /** What of the place differs from the ordinary one. */
  place?(bench: Bench): Promise<Partial<Place>>;
  /** Makes what all measurements need, once. */
  prepare?(bench: Bench): Promise<void>;
  /** Puts files into the served folder before each server starts. */
  populate?(bench: Bench): void;
  /** `null`: this server cannot do this case. Throws where it should have worked. */
  measure(bench: Bench, server: RunningBenchServer, oneCase: string): Promise<Measurement | null>;
  /** Undoes `prepare` and `place`. */
  finish?(): Promise<void>;
}
