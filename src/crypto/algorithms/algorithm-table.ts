import { CIPHER_ALGORITHMS } from './cipher-table.ts';
import type { CipherAlgorithm, KexAlgorithm, MacAlgorithm } from './facts.ts';
import { HOST_KEY_ALGORITHMS } from './host-key-table.ts';
import type { HostKeyAlgorithm } from './host-key-table.ts';
import { KEX_ALGORITHMS } from './kex-table.ts';
import { MAC_ALGORITHMS } from './mac-table.ts';

/** The algorithms that this build implements, one row each: see algorithms/facts.ts for what a row says. */
export { CIPHER_ALGORITHMS, HOST_KEY_ALGORITHMS, KEX_ALGORITHMS, MAC_ALGORITHMS };
export type { CipherAlgorithm, FipsStatus, KexAlgorithm, MacAlgorithm, PqFamily, Verdict } from './facts.ts';
export type { HostKeyAlgorithm } from './host-key-table.ts';

export type Algorithm = KexAlgorithm | CipherAlgorithm | MacAlgorithm | HostKeyAlgorithm;

function byName<T extends { readonly name: string }>(rows: readonly T[]): ReadonlyMap<string, T> {
  return new Map(rows.map((row) => [row.name, row]));
}

export const KEX_BY_NAME: ReadonlyMap<string, KexAlgorithm> = byName<KexAlgorithm>(KEX_ALGORITHMS);
export const CIPHER_BY_NAME: ReadonlyMap<string, CipherAlgorithm> = byName<CipherAlgorithm>(CIPHER_ALGORITHMS);
export const MAC_BY_NAME: ReadonlyMap<string, MacAlgorithm> = byName<MacAlgorithm>(MAC_ALGORITHMS);
export const HOST_KEY_BY_NAME: ReadonlyMap<string, HostKeyAlgorithm> = byName<HostKeyAlgorithm>(HOST_KEY_ALGORITHMS);
