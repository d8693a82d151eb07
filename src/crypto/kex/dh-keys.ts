import { createPublicKey, generateKeyPair, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { agreeInThread } from './agree-in-thread.ts';
import { DerReader, derBitString, derInteger, derSequence } from './der.ts';
import type { DhGroup, ModpGroupNumber } from './dh-group.ts';

/**
 * Finite-field Diffie-Hellman by KeyObjects rather than by node:crypto's DiffieHellman class: only these run off the event
 * loop, and one exchange in group 18 takes about 15 ms. SSH's public values are bare numbers, so they are put into, and
 * taken out of, a SubjectPublicKeyInfo (PKCS #3).
 */
export interface DhKeyPair {
  /** Unsigned big-endian, without leading zeros. */
  readonly publicValue: Buffer;
  readonly privateKey: KeyObject;
  /** The AlgorithmIdentifier with the group: a peer's key must carry the same one. */
  readonly algorithm: Buffer;
}

/** The group by number where it is one of RFC 3526: OpenSSL then picks a short exponent and skips its checks. */
export type DhParameters = ModpGroupNumber | DhGroup;

/** The options of generateKeyPair: Node calls the group's name `group`, its type declarations call it `groupName`. */
function keyPairOptions(parameters: DhParameters): { prime: Buffer; generator: number } | { groupName: string } {
  if (typeof parameters === 'number') {
    const name = `modp${parameters}`;
    const options = { group: name, groupName: name };
    return options;
  }
  return { prime: parameters.p, generator: smallNumber(parameters.g) };
}

/** An unsigned big-endian number of at most 32 bits, leading zeros or not. */
function smallNumber(unsigned: Buffer): number {
  const last = unsigned.subarray(-4);
  return last.readUIntBE(0, last.length);
}

function wrapPair(publicKey: KeyObject, privateKey: KeyObject): DhKeyPair {
  const spki = new DerReader(publicKey.export({ format: 'der', type: 'spki' })).sequence();
  const algorithm = spki.element();
  return { publicValue: new DerReader(spki.bitString()).unsignedInteger(), privateKey, algorithm };
}

export function generateDhKeyPairSync(parameters: DhParameters): DhKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('dh', keyPairOptions(parameters));
  return wrapPair(publicKey, privateKey);
}

/** Off the event loop. */
export function generateDhKeyPair(parameters: DhParameters): Promise<DhKeyPair> {
  return new Promise((resolve, reject) => {
    generateKeyPair('dh', keyPairOptions(parameters), (error, publicKey, privateKey) => {
      if (error) reject(error);
      else resolve(wrapPair(publicKey, privateKey));
    });
  });
}

/** Off the event loop where this Node can (22 computes at once). The caller overwrites the secret after use. */
export function computeDhSecret(pair: DhKeyPair, peerPublicValue: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const spki = derSequence([pair.algorithm, derBitString(derInteger(peerPublicValue))]);
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    resolve(agreeInThread(pair.privateKey, publicKey));
  });
}
