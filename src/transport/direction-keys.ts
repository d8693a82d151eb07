import { deriveKey } from '../crypto/kex/key-derivation.ts';
import type { DirectionKeys } from '../crypto/cipher/packet-cipher.ts';
import { cipherKeySizes } from '../crypto/cipher/cipher-constructors.ts';
import type { ExchangeResult } from './key-exchange.ts';

export type Direction = 'clientToServer' | 'serverToClient';

/** The letters of RFC 4253 §7.2: initial IV, encryption key, integrity key. */
const LETTERS = { clientToServer: ['A', 'C', 'E'], serverToClient: ['B', 'D', 'F'] } as const;

/** What one direction's cipher and MAC are keyed with. The cipher that takes the keys overwrites them. */
export function deriveDirectionKeys(
  { hash, sharedSecret, exchangeHash }: ExchangeResult,
  sessionId: Buffer,
  { direction, cipher, mac }: { readonly direction: Direction; readonly cipher: string; readonly mac: string | null },
): DirectionKeys {
  const [iv, key, macKey] = LETTERS[direction];
  const sizes = cipherKeySizes(cipher, mac);
  return {
    iv: deriveKey(hash, sharedSecret, exchangeHash, iv, sessionId, sizes.ivBytes),
    key: deriveKey(hash, sharedSecret, exchangeHash, key, sessionId, sizes.keyBytes),
    macKey: deriveKey(hash, sharedSecret, exchangeHash, macKey, sessionId, sizes.macKeyBytes),
  };
}
