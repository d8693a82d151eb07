import type { KexMethod } from '../crypto/kex/kex-method.ts';
import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import { SSH_MSG } from './messages.ts';

/**
 * The messages of the key exchange methods, 30 to 49: RFC 4253 §8, RFC 5656 §4 (ECDH, and all hybrids), RFC 4419 §3 (group
 * exchange). What reads takes the whole payload, throws WireError, and gives out views of it.
 */

/** A public value travels as a `string` or, in the classical groups, as an `mpint`. */
type PublicEncoding = KexMethod['publicEncoding'];

/** The largest modulus of a group, in bits. */
export const GEX_MAX_BITS = 8192;

const MAX_PUBLIC_BYTES = 4096;
const MAX_HOST_KEY_BYTES = 16 * 1024;
const MAX_SIGNATURE_BYTES = 16 * 1024;
/** One byte more than the modulus: an mpint whose top bit is set begins with a zero. */
const MAX_GROUP_NUMBER_BYTES = GEX_MAX_BITS / 8 + 1;

/** The numbers of the two messages that carry the public values. */
export interface ValueMessages {
  readonly init: number;
  readonly reply: number;
}

/** RFC 4253 §8, RFC 5656 §7.1. */
export const METHOD_MESSAGES: ValueMessages = { init: SSH_MSG.KEX_ECDH_INIT, reply: SSH_MSG.KEX_ECDH_REPLY };
/** RFC 4419 §5. */
export const GEX_MESSAGES: ValueMessages = { init: SSH_MSG.KEX_DH_GEX_INIT, reply: SSH_MSG.KEX_DH_GEX_REPLY };

export function writePublic(writer: SshWriter, encoding: PublicEncoding, value: Buffer): SshWriter {
  return encoding === 'mpint' ? writer.unsignedMpint(value) : writer.string(value);
}

function readPublic(reader: SshReader, encoding: PublicEncoding): Buffer {
  return encoding === 'mpint' ? reader.unsignedMpint(MAX_PUBLIC_BYTES) : reader.string(MAX_PUBLIC_BYTES);
}

/** KEX_ECDH_INIT, KEXDH_INIT or KEX_DH_GEX_INIT: the client's public value. */
export function encodeKexValue(number: number, encoding: PublicEncoding, value: Buffer): Buffer {
  return writePublic(new SshWriter(2048).byte(number), encoding, value).finish();
}

export function decodeKexValue(payload: Buffer, encoding: PublicEncoding): Buffer {
  const reader = new SshReader(payload, 1);
  const value = readPublic(reader, encoding);
  reader.end();
  return value;
}

/** KEX_ECDH_REPLY, KEXDH_REPLY or KEX_DH_GEX_REPLY. */
export interface KexReplyMessage {
  readonly hostKeyBlob: Buffer;
  /** The server's public value. */
  readonly reply: Buffer;
  readonly signature: Buffer;
}

export function encodeKexReply(number: number, encoding: PublicEncoding, message: KexReplyMessage): Buffer {
  const writer = new SshWriter(4096).byte(number).string(message.hostKeyBlob);
  return writePublic(writer, encoding, message.reply).string(message.signature).finish();
}

export function decodeKexReply(payload: Buffer, encoding: PublicEncoding): KexReplyMessage {
  const reader = new SshReader(payload, 1);
  const hostKeyBlob = reader.string(MAX_HOST_KEY_BYTES);
  const reply = readPublic(reader, encoding);
  const signature = reader.string(MAX_SIGNATURE_BYTES);
  reader.end();
  return { hostKeyBlob, reply, signature };
}

/** min, n, max of KEX_DH_GEX_REQUEST: sizes of the modulus in bits. */
export type GexSizes = readonly [min: number, preferred: number, max: number];

export function encodeGexRequest(sizes: GexSizes): Buffer {
  const writer = new SshWriter(16).byte(SSH_MSG.KEX_DH_GEX_REQUEST);
  for (const size of sizes) writer.uint32(size);
  return writer.finish();
}

export function decodeGexRequest(payload: Buffer): GexSizes {
  const reader = new SshReader(payload, 1);
  const sizes = [reader.uint32(), reader.uint32(), reader.uint32()] as const;
  reader.end();
  return sizes;
}

/** The group of KEX_DH_GEX_GROUP: unsigned, big-endian. */
export interface GexGroup {
  readonly p: Buffer;
  readonly g: Buffer;
}

export function encodeGexGroup({ p, g }: GexGroup): Buffer {
  return new SshWriter(p.length + 64).byte(SSH_MSG.KEX_DH_GEX_GROUP).unsignedMpint(p).unsignedMpint(g).finish();
}

export function decodeGexGroup(payload: Buffer): GexGroup {
  const reader = new SshReader(payload, 1);
  const p = reader.unsignedMpint(MAX_GROUP_NUMBER_BYTES);
  const g = reader.unsignedMpint(MAX_GROUP_NUMBER_BYTES);
  reader.end();
  return { p, g };
}
