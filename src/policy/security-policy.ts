import type { AlgorithmLists } from '../negotiation/algorithm-lists.ts';

export type { AlgorithmLists };

/** One security policy, checked: every name is implemented, no list is empty, no name stands twice. */
export interface SecurityPolicy {
  readonly name: string;
  readonly fips: boolean;
  /** The file that it was read from. */
  readonly file: string;
  readonly description: string;
  /** "documented", "derived …", "reconstructed", or who wrote it; empty where the file does not say. */
  readonly origin: string;
  readonly algorithms: AlgorithmLists;
  /** What the service's page prints of the policy beside SSH; used nowhere, and shown by the management API. */
  readonly protocols: readonly ('SFTP' | 'FTPS')[];
  readonly tlsCiphers: readonly string[];
  /** The least group that group exchange gives out, in bits. */
  readonly groupExchangeMinBits: number;
}

/**
 * What a policy offers that lists no host key algorithms: the service's documented list for its servers. All of them
 * are FIPS-approved, so that it serves FIPS policies too.
 */
export const DEFAULT_HOST_KEY_ALGORITHMS = [
  'rsa-sha2-256',
  'rsa-sha2-512',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-ed25519',
] as const;

/** What a policy is for that does not say. */
export const DEFAULT_PROTOCOLS: SecurityPolicy['protocols'] = ['SFTP'];
