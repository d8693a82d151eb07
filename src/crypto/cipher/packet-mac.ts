import { createHmac } from 'node:crypto';
import type { MacName, MacRow } from '../algorithms/mac-table.ts';
import { Umac } from './umac.ts';

/** A MAC as SSH uses it beside a cipher (RFC 4253 §6.4): keyed once, over the sequence number and the packet's bytes. */
export interface PacketMac {
  readonly tagBytes: number;
  compute(sequenceNumber: number, parts: readonly Buffer[]): Buffer;
  /** Overwrites key material. */
  dispose(): void;
}

export interface MacDefinition<TagBytes extends number = number, EncryptThenMac extends boolean = boolean> {
  readonly keyBytes: number;
  readonly tagBytes: TagBytes;
  /** Encrypt-then-MAC: the MAC covers the ciphertext and the length stays in the clear (OpenSSH's PROTOCOL §1.5). */
  readonly encryptThenMac: EncryptThenMac;
  create(key: Buffer): PacketMac;
}

/** RFC 4253 §6.4, RFC 6668: HMAC over uint32 sequence_number || packet. */
function hmac<Bytes extends number, EncryptThenMac extends boolean>(
  hash: 'sha1' | 'sha256' | 'sha512',
  bytes: Bytes,
  encryptThenMac: EncryptThenMac,
): MacDefinition<Bytes, EncryptThenMac> {
  return {
    keyBytes: bytes,
    tagBytes: bytes,
    encryptThenMac,
    create(key): PacketMac {
      const sequence = Buffer.alloc(4);
      return {
        tagBytes: bytes,
        compute(sequenceNumber, parts): Buffer {
          sequence.writeUInt32BE(sequenceNumber, 0);
          const mac = createHmac(hash, key).update(sequence);
          for (const part of parts) mac.update(part);
          return mac.digest();
        },
        dispose(): void {
          key.fill(0);
        },
      };
    },
  };
}

/** UMAC (RFC 4418) with the sequence number, as 8 bytes big-endian, for a nonce. */
function umac<Bytes extends 8 | 16, EncryptThenMac extends boolean>(
  tagBytes: Bytes,
  encryptThenMac: EncryptThenMac,
): MacDefinition<Bytes, EncryptThenMac> {
  return {
    keyBytes: 16,
    tagBytes,
    encryptThenMac,
    create(key): PacketMac {
      const state = new Umac(key, tagBytes);
      const nonce = Buffer.alloc(8);
      return {
        tagBytes,
        compute(sequenceNumber, parts): Buffer {
          nonce.writeUInt32BE(sequenceNumber, 4);
          return state.compute(nonce, parts);
        },
        dispose(): void {
          state.dispose();
          key.fill(0);
        },
      };
    },
  };
}

/** The definition that fits a row: what a row says of the tag and of encrypt-then-MAC must be what the code does. */
type DefinitionOf<Name extends MacName> =
  Extract<MacRow, { readonly name: Name }> extends { readonly tagBytes: infer Bytes; readonly etm: infer Etm }
    ? MacDefinition<Bytes & number, Etm & boolean>
    : never;

/** The code of each row of MAC_ALGORITHMS: neither can be there without the other. */
export const MACS: { readonly [Name in MacName]: DefinitionOf<Name> } = {
  'hmac-sha2-256-etm@openssh.com': hmac('sha256', 32, true),
  'hmac-sha2-512-etm@openssh.com': hmac('sha512', 64, true),
  'umac-128-etm@openssh.com': umac(16, true),
  'umac-64-etm@openssh.com': umac(8, true),
  'hmac-sha1-etm@openssh.com': hmac('sha1', 20, true),
  'hmac-sha2-256': hmac('sha256', 32, false),
  'hmac-sha2-512': hmac('sha512', 64, false),
  'umac-128@openssh.com': umac(16, false),
  'umac-64@openssh.com': umac(8, false),
  'hmac-sha1': hmac('sha1', 20, false),
};
