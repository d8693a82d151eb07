import { getFips } from 'node:crypto';
import { CIPHER_BY_NAME, HOST_KEY_BY_NAME, KEX_BY_NAME, MAC_BY_NAME } from './algorithms/algorithm-table.ts';
import type { CipherPrimitive, ClassicalExchange, MacPrimitive, PqFamily } from './algorithms/facts.ts';
import { nodeHasX25519, p256 } from './kex/ecdh.ts';
import type { Ecdh } from './kex/ecdh.ts';
import { x25519WithMlKem } from './kex/kex-constructors.ts';
import { mlKem, nodeHasMlKem } from './kex/ml-kem.ts';
import { mlDsa, nodeHasMlDsa } from './keys/ml-dsa.ts';
import { cipherKeySizes, createSealer, isAead } from './cipher/cipher-constructors.ts';
import { nodePoly, poly1305 } from './cipher/poly1305.ts';

/** The names of a policy that decide what is computed for packets and key exchanges. */
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
  readonly hasMlDsa: boolean;
}

export function cryptoModule(): CryptoModule {
  return { enabled: getFips() === 1, hasMlKem: nodeHasMlKem, hasMlDsa: nodeHasMlDsa };
}

/** Who computes each part: `node` is OpenSSL through node:crypto and, in FIPS mode, the FIPS module. */
export interface Providers {
  readonly mlKem: 'node' | 'noble';
  /** The step from ML-KEM's secret to that of Kyber round 3. */
  readonly kyber: 'latticeport, on hashes of node';
  readonly sntrup761: 'liboqs';
  readonly x25519: 'node' | 'noble (auxiliary secret)';
  readonly nistCurves: Ecdh['provider'];
  readonly modpGroups: 'node';
  readonly aes: 'node';
  readonly chacha20Poly1305: 'node' | 'node, Poly1305 of noble';
  readonly hmac: 'node';
  readonly umac: 'latticeport, on AES of node';
  readonly mlDsa: 'node' | 'noble';
}

type Part = keyof Providers;

/** Who computes what of the algorithms that a policy offers, for the log. Only the parts that its lists can lead to are named. */
export interface ProviderReport extends Partial<Providers> {
  /** The version of the OpenSSL under Node. */
  readonly openssl: string;
  readonly fips: boolean;
  readonly random: 'node';
  /** Of classical keys, and the classical half of a composite. */
  readonly signatures: 'node';
  /** Exchange hashes, key derivation and what combines the secrets of a hybrid: each call of a hash function. */
  readonly hashes: 'node';
}

/** In the order of the report. */
const PROVIDER_OF: { readonly [Name in Part]: () => Providers[Name] } = {
  mlKem: () => mlKem(768).provider,
  kyber: () => 'latticeport, on hashes of node',
  sntrup761: () => 'liboqs',
  x25519: () => (x25519WithMlKem.provider === 'node' ? 'node' : 'noble (auxiliary secret)'),
  nistCurves: () => p256.provider,
  modpGroups: () => 'node',
  aes: () => 'node',
  chacha20Poly1305: () => (poly1305 === nodePoly ? 'node' : 'node, Poly1305 of noble'),
  hmac: () => 'node',
  umac: () => 'latticeport, on AES of node',
  mlDsa: () => mlDsa(44).provider,
};

/** The parts that a row of the tables needs. A row that names something which has no part does not compile. */
const PARTS_OF_PQ: Readonly<Record<PqFamily, readonly Part[]>> = {
  'ml-kem': ['mlKem'],
  kyber: ['mlKem', 'kyber'],
  sntrup: ['sntrup761'],
};
const PART_OF_CLASSICAL: Readonly<Record<ClassicalExchange, Part>> = {
  X25519: 'x25519',
  'P-256': 'nistCurves',
  'P-384': 'nistCurves',
  'P-521': 'nistCurves',
  'MODP-2048': 'modpGroups',
  'MODP-4096': 'modpGroups',
  'MODP-8192': 'modpGroups',
  'MODP, 2048 bits or more': 'modpGroups',
};
const PART_OF_PRIMITIVE: Readonly<Record<CipherPrimitive | MacPrimitive, Part>> = {
  AES: 'aes',
  'ChaCha20-Poly1305': 'chacha20Poly1305',
  HMAC: 'hmac',
  UMAC: 'umac',
};

/** `signatures`: the algorithms that host keys and user keys may sign with. */
export function reportProviders({ kex, ciphers, macs }: OfferedNames, signatures: readonly string[]): ProviderReport {
  const usedCiphers = rowsNamed(ciphers, CIPHER_BY_NAME);
  // An AEAD never uses the MAC that is negotiated beside it.
  const usedMacs = usedCiphers.every(({ aead }) => aead) ? [] : rowsNamed(macs, MAC_BY_NAME);
  const parts = new Set([
    ...rowsNamed(kex, KEX_BY_NAME).flatMap(({ pq, classical }) => [
      ...(pq === null ? [] : PARTS_OF_PQ[pq]),
      PART_OF_CLASSICAL[classical],
    ]),
    ...[...usedCiphers, ...usedMacs].map(({ primitive }) => PART_OF_PRIMITIVE[primitive]),
    ...rowsNamed(signatures, HOST_KEY_BY_NAME).flatMap(({ pq }): Part[] => (pq === null ? [] : ['mlDsa'])),
  ]);
  const providers: Partial<Providers> = Object.fromEntries(
    Object.entries(PROVIDER_OF)
      .filter(([part]) => isPart(part) && parts.has(part))
      .map(([part, provider]) => [part, provider()]),
  );
  return {
    openssl: process.versions.openssl,
    fips: getFips() === 1,
    random: 'node',
    signatures: 'node',
    hashes: 'node',
    ...providers,
  };
}

function isPart(name: string): name is Part {
  return Object.hasOwn(PROVIDER_OF, name);
}

/**
 * The names that would fail as soon as a client chooses them, because the OpenSSL under Node refuses what they need and
 * nothing takes its place. Empty on Node's own binaries; a FIPS module refuses X25519, ChaCha20 and more.
 */
export function refusedByOpenSsl({ kex, ciphers, macs }: OfferedNames): string[] {
  const refusedKex = rowsNamed(kex, KEX_BY_NAME).filter(
    // With ML-KEM, and only there, another X25519 may stand in.
    ({ classical, pq }) => classical === 'X25519' && pq !== 'ml-kem' && !nodeHasX25519,
  );
  return [
    ...refusedKex.map(({ name }) => name),
    ...ciphers.filter((name) => !seals(name, isAead(name) ? null : 'hmac-sha2-256')),
    ...macs.filter((name) => !seals('aes256-ctr', name)),
  ];
}

function rowsNamed<Row>(names: readonly string[], table: ReadonlyMap<string, Row>): Row[] {
  return names.map((name) => table.get(name)).filter((row) => row !== undefined);
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
