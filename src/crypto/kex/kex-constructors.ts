import { KEX_ALGORITHMS } from '../algorithms/kex-table.ts';
import type { KexRow } from '../algorithms/kex-table.ts';
import { GEX_METHOD_NAME } from './dh-gex.ts';
import { modpKex } from './dh-kex.ts';
import { ecdhKex } from './ecdh-kex.ts';
import { nobleX25519, nodeHasX25519, nodeX25519, p256, p384, p521 } from './ecdh.ts';
import { hybrid } from './hybrid.ts';
import { kyber } from './kyber.ts';
import type { KexMethod } from './kex-method.ts';
import { mlKem } from './ml-kem.ts';
import { sntrup761 } from './sntrup761.ts';

/**
 * In FIPS mode OpenSSL refuses X25519, which may still be the auxiliary, not approved, half of an ML-KEM hybrid. What
 * OpenSSL computes is never computed beside it.
 */
export const x25519WithMlKem = nodeHasX25519 ? nodeX25519 : nobleX25519;

/** A method with a fixed group. diffie-hellman-group-exchange-sha256 is apart: `createGexMethod`. */
type FixedKexRow = Exclude<KexRow, { readonly name: typeof GEX_METHOD_NAME }>;
export type FixedKexName = FixedKexRow['name'];

/** The code of each row of KEX_ALGORITHMS: neither can be there without the other. Name and hash are the row's. */
const CONSTRUCTORS: { readonly [Name in FixedKexName]: (row: FixedKexRow) => KexMethod } = {
  'mlkem768x25519-sha256': ({ name, hash }) => hybrid(name, mlKem(768), x25519WithMlKem, hash),
  'mlkem768nistp256-sha256': ({ name, hash }) => hybrid(name, mlKem(768), p256, hash),
  'mlkem1024nistp384-sha384': ({ name, hash }) => hybrid(name, mlKem(1024), p384, hash),
  'sntrup761x25519-sha512': ({ name, hash }) => hybrid(name, sntrup761, nodeX25519, hash),
  'sntrup761x25519-sha512@openssh.com': ({ name, hash }) => hybrid(name, sntrup761, nodeX25519, hash),
  'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org': ({ name, hash }) => hybrid(name, kyber(512), p256, hash),
  'ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org': ({ name, hash }) => hybrid(name, kyber(768), p384, hash),
  'ecdh-nistp521-kyber-1024r3-sha512-d00@openquantumsafe.org': ({ name, hash }) =>
    hybrid(name, kyber(1024), p521, hash),
  'x25519-kyber-512r3-sha256-d00@amazon.com': ({ name, hash }) => hybrid(name, kyber(512), nodeX25519, hash),
  'curve25519-sha256': ({ name, hash }) => ecdhKex(name, nodeX25519, hash),
  'curve25519-sha256@libssh.org': ({ name, hash }) => ecdhKex(name, nodeX25519, hash),
  'ecdh-sha2-nistp256': ({ name, hash }) => ecdhKex(name, p256, hash),
  'ecdh-sha2-nistp384': ({ name, hash }) => ecdhKex(name, p384, hash),
  'ecdh-sha2-nistp521': ({ name, hash }) => ecdhKex(name, p521, hash),
  'diffie-hellman-group14-sha1': ({ name, hash }) => modpKex(name, 14, hash),
  'diffie-hellman-group14-sha256': ({ name, hash }) => modpKex(name, 14, hash),
  'diffie-hellman-group16-sha512': ({ name, hash }) => modpKex(name, 16, hash),
  'diffie-hellman-group18-sha512': ({ name, hash }) => modpKex(name, 18, hash),
};

export { createGexMethod, chooseGexGroup, GEX_METHOD_NAME } from './dh-gex.ts';

const FIXED_ROWS: readonly FixedKexRow[] = KEX_ALGORITHMS.filter((row) => row.name !== GEX_METHOD_NAME);

/** The names that `createKexMethod` takes, in the order of the table. */
export const KEX_METHOD_NAMES: readonly FixedKexName[] = FIXED_ROWS.map(({ name }) => name);

/** @param name one of FixedKexName; RangeError is thrown for another, since names also come from the network */
export function createKexMethod(name: string): KexMethod {
  const row = FIXED_ROWS.find((fixed) => fixed.name === name);
  if (row === undefined) throw new RangeError(`key exchange method ${JSON.stringify(name)} is not implemented`);
  return CONSTRUCTORS[row.name](row);
}

/**
 * Loads what the methods need before `startClient` may be called (sntrup761 is WebAssembly). `respond` loads by itself, the
 * first time at about 0.1 s: a server calls this at start.
 */
export async function prepareKexMethods(names: readonly string[]): Promise<void> {
  if (FIXED_ROWS.some(({ name, pq }) => pq === 'sntrup' && names.includes(name))) await sntrup761.load();
}
