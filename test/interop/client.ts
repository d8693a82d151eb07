// What the runner knows of a client, and what it asks of one.
import type { Finished } from '../peers/process.ts';
import type { KeyFile, KeyType } from './identity.ts';

/** One thing that a client does in an open session. Local paths are absolute, remote ones too. */
export type Step =
  | { readonly do: 'put' | 'resume-put'; readonly local: string; readonly remote: string }
  | { readonly do: 'get' | 'resume-get'; readonly remote: string; readonly local: string }
  | { readonly do: 'list' | 'mkdir' | 'rmdir' | 'remove'; readonly remote: string }
  | { readonly do: 'rename'; readonly remote: string; readonly to: string };

/** What not every client can do; a scenario names what it needs. */
export type Ability = Step['do'] | 'password' | 'host-key-check';

/** How a client is to log in. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Either this key or `password`. */
  readonly key: KeyFile | null;
  readonly password: string | null;
  /** The host key that the client is told to expect: it must refuse another. */
  readonly hostKey: KeyFile;
  /** The key exchange method to ask for; where a client cannot be told, the server offers nothing else. */
  readonly kex: string | null;
  /** An empty folder for the client's own files (known hosts, saved sessions, …). */
  readonly scratch: string;
}

export interface InteropClient {
  readonly name: string;
  /** Of the program or the library; `null` where it is not installed. */
  readonly version: string | null;
  /** Where it comes from: "Debian 12", "Debian sid", "npm", or the variable that names its folder. */
  readonly origin: string;
  /** True where CI must have it: it can be had from Debian or npm. */
  readonly obtainable: boolean;
  /**
   * The key exchange method that it is told to use in every scenario that does not ask for another: it has post-quantum
   * ones and would not choose them.
   */
  readonly usualKex?: string;
  /** Methods that it has but does not offer unless it is asked to. */
  readonly optionalKex: readonly string[];
  readonly userKeys: readonly KeyType[];
  /** What it cannot do, with the reason, for the report. */
  readonly cannot: Readonly<Partial<Record<Ability, string>>>;
  /** Logs in, carries the steps out in one session, and ends: status 0 only where everything worked. */
  run(login: Login, steps: readonly Step[], timeoutMs: number): Promise<Finished>;
}

/** A client that is not there: it has no version, and running it is a mistake. */
export function missing(name: string, origin: string, obtainable: boolean): InteropClient {
  return {
    name,
    version: null,
    origin,
    obtainable,
    optionalKex: [],
    userKeys: [],
    cannot: {},
    run: () => Promise.reject(new Error(`${name} is not installed`)),
  };
}
