import type { Config } from '../../config/schema.ts';
import type { Requirement, RequirementState } from '../../policy/post-quantum-requirement.ts';
import type { SecurityPolicy } from '../../policy/security-policy.ts';
import type { UserCredential } from '../../server/user-credentials.ts';
import type { RefusedPartner } from '../report/would-be-refused.ts';

/** A requirement, and whether it holds already. */
export interface RequirementFacts extends Requirement {
  readonly state: RequirementState;
}

/** A user that may log in. */
export interface UserFacts {
  /** Of `users` in the configuration. */
  readonly index: number;
  readonly name: string;
  readonly exchange: RequirementFacts;
  readonly key: RequirementFacts;
  readonly credentials: readonly UserCredential[];
}

/** A file that the configuration names as a host key. */
export type HostKeyFacts = { readonly index: number; readonly file: string } & (
  | {
      readonly state: 'usable';
      readonly type: string;
      readonly postQuantum: boolean;
      /** The policy lists one of its algorithms. */
      readonly listed: boolean;
    }
  | {
      readonly state: 'unusable';
      /** The setting that is at fault. */
      readonly jsonPath: string;
      readonly why: string;
      /** Others than its owner may read the file. */
      readonly open: boolean;
    }
);

/** The way to the store. */
export type LinkFacts =
  | { readonly kind: 'here' }
  | { readonly kind: 'http'; readonly host: string; readonly loopback: boolean }
  | { readonly kind: 'tls'; readonly host: string; readonly group: string; readonly postQuantum: boolean }
  /** Nobody could look. */
  | { readonly kind: 'unknown'; readonly host: string; readonly why: string };

/** What logs tell. */
export interface LogFacts {
  readonly files: readonly string[];
  /** Logins with the right credential. */
  readonly logins: number;
  /** Of them with a post-quantum key exchange. */
  readonly postQuantum: number;
  /** Who came classical and, by what the logs tell, has not changed over since. */
  readonly partners: readonly RefusedPartner[];
}

/** All that the findings are made of. */
export interface Facts {
  /** The configuration file. */
  readonly file: string;
  readonly config: Config;
  readonly policy: SecurityPolicy;
  readonly users: readonly UserFacts[];
  /** The server's own requirement: for users there may be. */
  readonly server: { readonly exchange: RequirementFacts; readonly key: RequirementFacts };
  readonly hostKeys: readonly HostKeyFacts[];
  readonly storage: LinkFacts;
  /** null where no log was named. */
  readonly log: LogFacts | null;
}
