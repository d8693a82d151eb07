import { getFips } from 'node:crypto';
import { KEX_BY_NAME } from './algorithms/algorithm-table.ts';
import type { KexAlgorithm } from './algorithms/algorithm-table.ts';
import { nodeHasX25519, p256 } from './kex/ecdh.ts';
import type { Ecdh } from './kex/ecdh.ts';
import { x25519WithMlKem } from './kex/kex-constructors.ts';
import { mlKem, nodeHasMlKem } from './kex/ml-kem.ts';
import { cipherKeySizes, createSealer, isAead } from './cipher/cipher-constructors.ts';
import { nodePoly, poly1305 } from './cipher/poly1305.ts';

/** The names of a policy that decide what is computed; the host key algorithms are always OpenSSL's. */
export interface OfferedNames {
  readonly kex: readonly string[];
  readonly ciphers: readonly string[];
  readonly macs: readonly string[];
}

/** What the crypto module under Node says of itself. */
export interface CryptoModule {
  /** `crypto.getFips() === 1`: node:crypto computes in OpenSSL's FIPS module alone. */
  readonly enabled: boolean;
  readonly hasMlKem: boolean;
}

export function cryptoModule(): CryptoModule {
  return { enabled: getFips() === 1, hasMlKem: nodeHasMlKem };
}

/**
 * Who computes what of the algorithms that a policy offers, for the log: `node` is OpenSSL through node:crypto and, in
 * FIPS mode, the FIPS module. Only what the lists can lead to is named.
 */
export interface ProviderReport {
  /** The version of the OpenSSL under Node. */
  readonly openssl: string;
  readonly fips: boolean;
  readonly random: 'node';
  readonly signatures: 'node';
  /** Exchange hashes, key derivation and what combines the secrets of a hybrid: each call of a hash function. */
  readonly hashes: 'node';
  readonly mlKem?: 'node' | 'noble';
  /** The step from ML-KEM's secret to that of Kyber round 3. */
  readonly kyber?: 'latticeport, on hashes of node';
  readonly sntrup761?: 'liboqs';
  readonly x25519?: 'node' | 'noble (auxiliary secret)';
  readonly nistCurves?: Ecdh['provider'];
  readonly modpGroups?: 'node';
  readonly aes?: 'node';
  readonly chacha20Poly1305?: 'node' | 'node, Poly1305 of noble';
  readonly hmac?: 'node';
  readonly umac?: 'latticeport, on AES of node';
}

export function reportProviders({ kex, ciphers, macs }: OfferedNames): ProviderReport {
  const methods = methodsOf(kex);
  const has = (test: (method: KexAlgorithm) => boolean): boolean => methods.some(test);
  // An AEAD never uses the MAC that is negotiated beside it.
  const usedMacs = ciphers.every(isAead) ? [] : macs;
  return {
    openssl: process.versions.openssl,
    fips: getFips() === 1,
    random: 'node',
    signatures: 'node',
    hashes: 'node',
    ...(has(({ pq }) => pq === 'ml-kem' || pq === 'kyber') && { mlKem: mlKem(768).provider }),
    ...(has(({ pq }) => pq === 'kyber') && { kyber: 'latticeport, on hashes of node' }),
    ...(has(({ pq }) => pq === 'sntrup') && { sntrup761: 'liboqs' }),
    ...(has(usesX25519) && {
      x25519: x25519WithMlKem.provider === 'node' ? 'node' : 'noble (auxiliary secret)',
    }),
    ...(has(({ classical }) => classical.startsWith('P-')) && { nistCurves: p256.provider }),
    ...(has(({ classical }) => classical.startsWith('MODP')) && { modpGroups: 'node' }),
    ...(ciphers.some((name) => name.startsWith('aes')) && { aes: 'node' }),
    ...(ciphers.some((name) => name.startsWith('chacha20')) && {
      chacha20Poly1305: poly1305 === nodePoly ? 'node' : 'node, Poly1305 of noble',
    }),
    ...(usedMacs.some((name) => name.startsWith('hmac')) && { hmac: 'node' }),
    ...(usedMacs.some((name) => name.startsWith('umac')) && { umac: 'latticeport, on AES of node' }),
  };
}

/**
 * The names that would fail as soon as a client chooses them, because the OpenSSL under Node refuses what they need and
 * nothing takes its place. Empty on Node's own binaries; a FIPS module refuses X25519, ChaCha20 and more.
 */
export function refusedByOpenSsl({ kex, ciphers, macs }: OfferedNames): string[] {
  const refusedKex = methodsOf(kex).filter(
    // With ML-KEM, and only there, another X25519 may stand in.
    (method) => usesX25519(method) && method.pq !== 'ml-kem' && !nodeHasX25519,
  );
  return [
    ...refusedKex.map(({ name }) => name),
    ...ciphers.filter((name) => !seals(name, isAead(name) ? null : 'hmac-sha2-256')),
    ...macs.filter((name) => !seals('aes256-ctr', name)),
  ];
}

function methodsOf(kex: readonly string[]): KexAlgorithm[] {
  return kex.map((name) => KEX_BY_NAME.get(name)).filter((method) => method !== undefined);
}

function usesX25519({ classical }: KexAlgorithm): boolean {
  return classical === 'X25519';
}

/** Whether one packet can be sealed. */
function seals(cipher: string, mac: string | null): boolean {
  const { keyBytes, ivBytes, macKeyBytes } = cipherKeySizes(cipher, mac);
  const keys = { key: Buffer.alloc(keyBytes), iv: Buffer.alloc(ivBytes), macKey: Buffer.alloc(macKeyBytes) };
  try {
    const sealer = createSealer(cipher, mac, keys);
    sealer.seal(0, [Buffer.alloc(48)]);
    sealer.dispose();
    return true;
  } catch {
    return false;
  }
}
