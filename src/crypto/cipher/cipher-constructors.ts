import { CIPHER_ALGORITHMS } from '../algorithms/cipher-table.ts';
import type { CipherName, CipherRow } from '../algorithms/cipher-table.ts';
import { MAC_ALGORITHMS } from '../algorithms/mac-table.ts';
import type { MacName } from '../algorithms/mac-table.ts';
import { createCtrOpener, createCtrSealer, ctrKeySizes } from './aes-ctr.ts';
import { createGcmOpener, createGcmSealer, gcmKeySizes } from './aes-gcm.ts';
import { CHACHA_KEY_SIZES, createChaChaOpener, createChaChaSealer } from './chacha20-poly1305.ts';
import type { CipherKeySizes, DirectionKeys, PacketOpener, PacketSealer } from './packet-cipher.ts';
import { MACS } from './packet-mac.ts';
import type { MacDefinition } from './packet-mac.ts';

export { noneOpener, noneSealer } from './no-cipher.ts';

/** A cipher that authenticates by itself: no MAC stands beside it. */
interface AeadDefinition {
  readonly aead: true;
  readonly sizes: CipherKeySizes;
  sealer(keys: DirectionKeys): PacketSealer;
  opener(keys: DirectionKeys): PacketOpener;
}

interface CipherWithMacDefinition {
  readonly aead: false;
  sizes(mac: MacDefinition): CipherKeySizes;
  sealer(mac: MacDefinition, keys: DirectionKeys): PacketSealer;
  opener(mac: MacDefinition, keys: DirectionKeys): PacketOpener;
}

/** The definition that fits a row: it is an AEAD where the row says so. */
type DefinitionOf<Name extends CipherName> = Extract<CipherRow, { readonly name: Name }>['aead'] extends true
  ? AeadDefinition
  : CipherWithMacDefinition;

function gcm(name: Parameters<typeof gcmKeySizes>[0]): AeadDefinition {
  return {
    aead: true,
    sizes: gcmKeySizes(name),
    sealer: (keys) => createGcmSealer(name, keys),
    opener: (keys) => createGcmOpener(name, keys),
  };
}

function ctr(name: Parameters<typeof ctrKeySizes>[0]): CipherWithMacDefinition {
  return {
    aead: false,
    sizes: (mac) => ctrKeySizes(name, mac),
    sealer: (mac, keys) => createCtrSealer(name, mac, keys),
    opener: (mac, keys) => createCtrOpener(name, mac, keys),
  };
}

/** The code of each row of CIPHER_ALGORITHMS: neither can be there without the other. */
const CIPHERS: { readonly [Name in CipherName]: DefinitionOf<Name> } = {
  'aes256-gcm@openssh.com': gcm('aes256-gcm@openssh.com'),
  'aes128-gcm@openssh.com': gcm('aes128-gcm@openssh.com'),
  'chacha20-poly1305@openssh.com': {
    aead: true,
    sizes: CHACHA_KEY_SIZES,
    sealer: createChaChaSealer,
    opener: createChaChaOpener,
  },
  'aes256-ctr': ctr('aes256-ctr'),
  'aes192-ctr': ctr('aes192-ctr'),
  'aes128-ctr': ctr('aes128-ctr'),
};

export const CIPHER_NAMES: readonly CipherName[] = CIPHER_ALGORITHMS.map(({ name }) => name);
export const MAC_NAMES: readonly MacName[] = MAC_ALGORITHMS.map(({ name }) => name);

/** Names also come from the network, so that they are looked up in the tables before they lead to code. */
function cipherNamed(name: string): AeadDefinition | CipherWithMacDefinition {
  const known = CIPHER_NAMES.find((cipher) => cipher === name);
  if (known === undefined) throw new RangeError(`cipher ${JSON.stringify(name)} is not implemented`);
  return CIPHERS[known];
}

function macNamed(name: string | null): MacDefinition {
  const known = MAC_NAMES.find((mac) => mac === name);
  if (known === undefined) throw new RangeError(`MAC ${JSON.stringify(name)} is not implemented`);
  return MACS[known];
}

/** True for a cipher that authenticates by itself: no MAC is negotiated beside it. Throws RangeError for an unknown name. */
export function isAead(cipherName: string): boolean {
  return cipherNamed(cipherName).aead;
}

/** What to derive for a direction. `macName` is ignored for an AEAD. Throws RangeError for unknown names. */
export function cipherKeySizes(cipherName: string, macName: string | null): CipherKeySizes {
  const cipher = cipherNamed(cipherName);
  return cipher.aead ? cipher.sizes : cipher.sizes(macNamed(macName));
}

/**
 * The sending half of a direction. It takes over `keys`, which must have the sizes of `cipherKeySizes`, and overwrites them
 * on `dispose`. `macName` is ignored for an AEAD. Throws RangeError for unknown names or wrong sizes.
 */
export function createSealer(cipherName: string, macName: string | null, keys: DirectionKeys): PacketSealer {
  checkSizes(cipherName, macName, keys);
  const cipher = cipherNamed(cipherName);
  return cipher.aead ? cipher.sealer(keys) : cipher.sealer(macNamed(macName), keys);
}

/** The receiving half of a direction; see `createSealer`. */
export function createOpener(cipherName: string, macName: string | null, keys: DirectionKeys): PacketOpener {
  checkSizes(cipherName, macName, keys);
  const cipher = cipherNamed(cipherName);
  return cipher.aead ? cipher.opener(keys) : cipher.opener(macNamed(macName), keys);
}

function checkSizes(cipherName: string, macName: string | null, keys: DirectionKeys): void {
  const sizes = cipherKeySizes(cipherName, macName);
  if (
    keys.key.length !== sizes.keyBytes ||
    keys.iv.length !== sizes.ivBytes ||
    keys.macKey.length !== sizes.macKeyBytes
  ) {
    throw new RangeError(`wrong sizes of key material for ${cipherName}`);
  }
}
