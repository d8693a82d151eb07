import type { KeyType, SignatureAlgorithm } from './key.ts';

/** RSA moduli that we accept, in bits. Below is breakable in sight; above costs seconds a signature. */
export const RSA_MIN_BITS = 2048;
export const RSA_MAX_BITS = 16384;

export type EcdsaKeyType = 'ecdsa-sha2-nistp256' | 'ecdsa-sha2-nistp384' | 'ecdsa-sha2-nistp521';

export interface EcdsaCurve {
  /** The curve's name inside the key blob (RFC 5656 §10.1). */
  readonly sshName: string;
  readonly jwkName: string;
  readonly bits: number;
  /** Length of a coordinate, and of r and s, in bytes. */
  readonly fieldBytes: number;
  /** RFC 5656 §6.2.1. */
  readonly hash: 'sha256' | 'sha384' | 'sha512';
}

export const ECDSA_CURVES: Readonly<Record<EcdsaKeyType, EcdsaCurve>> = {
  'ecdsa-sha2-nistp256': { sshName: 'nistp256', jwkName: 'P-256', bits: 256, fieldBytes: 32, hash: 'sha256' },
  'ecdsa-sha2-nistp384': { sshName: 'nistp384', jwkName: 'P-384', bits: 384, fieldBytes: 48, hash: 'sha384' },
  'ecdsa-sha2-nistp521': { sshName: 'nistp521', jwkName: 'P-521', bits: 521, fieldBytes: 66, hash: 'sha512' },
};

/** The hash of an RSA signature (RFC 8332 §3; RFC 4253 §6.6). */
export const RSA_SIGNATURE_HASHES = { 'rsa-sha2-512': 'sha512', 'rsa-sha2-256': 'sha256', 'ssh-rsa': 'sha1' } as const;

export type RsaSignatureAlgorithm = keyof typeof RSA_SIGNATURE_HASHES;

/** Which type of key makes which signature. */
export const KEY_TYPE_OF_SIGNATURE: Readonly<Record<SignatureAlgorithm, KeyType>> = {
  'ssh-ed25519': 'ssh-ed25519',
  'ecdsa-sha2-nistp256': 'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384': 'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521': 'ecdsa-sha2-nistp521',
  'rsa-sha2-512': 'ssh-rsa',
  'rsa-sha2-256': 'ssh-rsa',
  'ssh-rsa': 'ssh-rsa',
};

/** The strongest first. */
export const SIGNATURES_OF_KEY_TYPE: Readonly<Record<KeyType, readonly SignatureAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
};

export function isKeyType(name: string): name is KeyType {
  return Object.hasOwn(SIGNATURES_OF_KEY_TYPE, name);
}

export function isEcdsaKeyType(name: string): name is EcdsaKeyType {
  return Object.hasOwn(ECDSA_CURVES, name);
}

export function isRsaSignatureAlgorithm(name: string): name is RsaSignatureAlgorithm {
  return Object.hasOwn(RSA_SIGNATURE_HASHES, name);
}
