import type { Ability, InteropClient, Login, Step } from '../client.ts';
import type { HarnessOptions, RunningServer } from '../server-harness.ts';
import type { Finished } from '../../peers/process.ts';
import type { Offer } from '../offer.ts';

/** A server that scenarios share: all cells with the same name use one process. */
export interface Setup {
  readonly name: string;
  readonly options: Partial<HarnessOptions>;
}

/** One run of one client. */
export interface Cell {
  readonly client: InteropClient;
  readonly offer: Offer;
  /** Where the client connects; a server of somebody else's (in a container) has no log. */
  readonly server: RunningServer | null;
  readonly login: Login;
  readonly variant: string;
  /** A remote folder of the cell's own; it exists only where the scenario makes it. */
  readonly remote: string;
  /** An empty local folder. */
  readonly local: string;
  /** Runs the client; throws unless it ends with status 0. */
  readonly mustRun: (steps: readonly Step[], login?: Partial<Login>) => Promise<Finished>;
  /** Runs the client, however it ends. */
  readonly run: (steps: readonly Step[], login?: Partial<Login>) => Promise<Finished>;
}

export interface InteropScenario {
  readonly name: string;
  readonly title: string;
  readonly needs: readonly Ability[];
  /** The cells of this client: one for each name, such as a key exchange method; [''] where there is one only. */
  variants(client: InteropClient, offer: Offer): readonly string[];
  /** The server that a variant needs; `null`: any, also one that runs elsewhere. */
  setup(variant: string): Setup | null;
  /** Throws an error that says what is wrong. */
  run(cell: Cell): Promise<void>;
}

export class Mismatch extends Error {
  override readonly name = 'Mismatch';
}

export function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Mismatch(otherwise);
}
