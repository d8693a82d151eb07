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

/** Every method with a fixed group, by its name. */
const METHODS: Readonly<Record<string, (name: string) => KexMethod>> = {
  'mlkem768x25519-sha256': (name) => hybrid(name, mlKem(768), x25519WithMlKem, 'sha256'),
  'mlkem768nistp256-sha256': (name) => hybrid(name, mlKem(768), p256, 'sha256'),
  'mlkem1024nistp384-sha384': (name) => hybrid(name, mlKem(1024), p384, 'sha384'),
  'sntrup761x25519-sha512': (name) => hybrid(name, sntrup761, nodeX25519, 'sha512'),
  'sntrup761x25519-sha512@openssh.com': (name) => hybrid(name, sntrup761, nodeX25519, 'sha512'),
  'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org': (name) => hybrid(name, kyber(512), p256, 'sha256'),
  'ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org': (name) => hybrid(name, kyber(768), p384, 'sha384'),
  'ecdh-nistp521-kyber-1024r3-sha512-d00@openquantumsafe.org': (name) => hybrid(name, kyber(1024), p521, 'sha512'),
  'x25519-kyber-512r3-sha256-d00@amazon.com': (name) => hybrid(name, kyber(512), nodeX25519, 'sha256'),
  'curve25519-sha256': (name) => ecdhKex(name, nodeX25519, 'sha256'),
  'curve25519-sha256@libssh.org': (name) => ecdhKex(name, nodeX25519, 'sha256'),
  'ecdh-sha2-nistp256': (name) => ecdhKex(name, p256, 'sha256'),
  'ecdh-sha2-nistp384': (name) => ecdhKex(name, p384, 'sha384'),
  'ecdh-sha2-nistp521': (name) => ecdhKex(name, p521, 'sha512'),
  'diffie-hellman-group14-sha1': (name) => modpKex(name, 14, 'sha1'),
  'diffie-hellman-group14-sha256': (name) => modpKex(name, 14, 'sha256'),
  'diffie-hellman-group16-sha512': (name) => modpKex(name, 16, 'sha512'),
  'diffie-hellman-group18-sha512': (name) => modpKex(name, 18, 'sha512'),
};

export { createGexMethod, chooseGexGroup, GEX_METHOD_NAME } from './dh-gex.ts';

/** The names that `createKexMethod` takes. diffie-hellman-group-exchange-sha256 is apart: `createGexMethod`. */
export const KEX_METHOD_NAMES: readonly string[] = Object.keys(METHODS);

/** Throws RangeError for a name that is not in KEX_METHOD_NAMES. */
export function createKexMethod(name: string): KexMethod {
  const create = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  if (create === undefined) throw new RangeError(`key exchange method ${JSON.stringify(name)} is not implemented`);
  return create(name);
}

/**
 * Loads what the methods need before `startClient` may be called (sntrup761 is WebAssembly). `respond` loads by itself, the
 * first time at about 0.1 s: a server calls this at start.
 */
export async function prepareKexMethods(names: readonly string[]): Promise<void> {
  if (names.some((name) => name.startsWith('sntrup761'))) await sntrup761.load();
}
