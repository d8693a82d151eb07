import { SSH_MSG_KEXINIT } from '../negotiation/kexinit.ts';
import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';

/**
 * The messages of the transport layer: numbers (RFC 4253 §12, RFC 8308, RFC 4419 §5), and how each is written and read.
 * Those of the key exchange methods are in kex-messages.ts, KEXINIT is in negotiation/kexinit.ts. What reads takes the whole
 * payload, throws WireError, and gives out views of it.
 */
export const SSH_MSG = {
  DISCONNECT: 1,
  IGNORE: 2,
  UNIMPLEMENTED: 3,
  DEBUG: 4,
  SERVICE_REQUEST: 5,
  SERVICE_ACCEPT: 6,
  EXT_INFO: 7,
  KEXINIT: SSH_MSG_KEXINIT,
  NEWKEYS: 21,
  /** First and last number that belong to the negotiated method. */
  KEX_FIRST: 30,
  KEX_LAST: 49,
  KEX_ECDH_INIT: 30,
  KEX_ECDH_REPLY: 31,
  KEX_DH_GEX_GROUP: 31,
  KEX_DH_GEX_INIT: 32,
  KEX_DH_GEX_REPLY: 33,
  KEX_DH_GEX_REQUEST: 34,
  /** First number of the services above the transport (authentication, connection). */
  SERVICE_FIRST: 50,
  /** ping@openssh.com: OpenSSH PROTOCOL §1.8. */
  PING: 192,
  PONG: 193,
} as const;

/** The longest name of a service or an extension, in bytes: RFC 4251 §6 allows 64, some extensions are longer. */
const MAX_SERVICE_NAME_BYTES = 64;
const MAX_EXTENSION_NAME_BYTES = 256;

/** RFC 8308 §2.3: more extensions than anybody sends are a mistake or an attack. */
const MAX_EXTENSIONS = 64;

/** RFC 4253 §11.1. `text` is in ASCII. */
export function encodeDisconnect(reason: number, text: string): Buffer {
  return new SshWriter(256).byte(SSH_MSG.DISCONNECT).uint32(reason).string(text).string('').finish();
}

/** Some peers leave the language tag out: what comes after the text is not looked at. */
export function decodeDisconnect(payload: Buffer): { readonly reason: number; readonly text: Buffer } {
  const reader = new SshReader(payload, 1);
  return { reason: reader.uint32(), text: reader.string() };
}

/** RFC 4253 §11.2. Who receives one does not look into it. */
export function encodeIgnore(data: Uint8Array): Buffer {
  return new SshWriter(data.length + 8).byte(SSH_MSG.IGNORE).string(data).finish();
}

/** RFC 4253 §11.4: `sequenceNumber` is that of the packet that is not known here. */
export function encodeUnimplemented(sequenceNumber: number): Buffer {
  return new SshWriter(8).byte(SSH_MSG.UNIMPLEMENTED).uint32(sequenceNumber).finish();
}

/** The sequence number of our packet that the peer does not know. */
export function decodeUnimplemented(payload: Buffer): number {
  const reader = new SshReader(payload, 1);
  const sequenceNumber = reader.uint32();
  reader.end();
  return sequenceNumber;
}

/** RFC 4253 §11.3: a text that is to be shown. Who receives one here does not look into it. */
export function encodeDebug(text: string): Buffer {
  return new SshWriter(text.length + 16).byte(SSH_MSG.DEBUG).boolean(true).string(text).string('').finish();
}

/** RFC 4253 §10. */
export function encodeServiceRequest(service: string): Buffer {
  return new SshWriter(32).byte(SSH_MSG.SERVICE_REQUEST).string(service).finish();
}

/** The service's name. */
export function decodeServiceRequest(payload: Buffer): string {
  return decodeService(payload);
}

export function encodeServiceAccept(service: string): Buffer {
  return new SshWriter(32).byte(SSH_MSG.SERVICE_ACCEPT).string(service).finish();
}

/** The service's name. */
export function decodeServiceAccept(payload: Buffer): string {
  return decodeService(payload);
}

function decodeService(payload: Buffer): string {
  const reader = new SshReader(payload, 1);
  const service = reader.ascii(MAX_SERVICE_NAME_BYTES);
  reader.end();
  return service;
}

/** RFC 8308 §2.3. */
export function encodeExtInfo(extensions: ReadonlyMap<string, string>): Buffer {
  const writer = new SshWriter(512).byte(SSH_MSG.EXT_INFO).uint32(extensions.size);
  for (const [name, value] of extensions) writer.string(name).string(value);
  return writer.finish();
}

/** Values are raw bytes: some extensions carry binary. What goes beyond 64 extensions is not read. */
export function decodeExtInfo(payload: Buffer): Map<string, Buffer> {
  const reader = new SshReader(payload, 1);
  const extensions = new Map<string, Buffer>();
  const count = reader.uint32();
  for (let i = 0; i < count && i < MAX_EXTENSIONS; i += 1) {
    extensions.set(reader.ascii(MAX_EXTENSION_NAME_BYTES), reader.string());
  }
  return extensions;
}

/** RFC 4253 §7.3. */
export function encodeNewKeys(): Buffer {
  return Buffer.of(SSH_MSG.NEWKEYS);
}

/** OpenSSH PROTOCOL §1.8. */
export function encodePing(data: Uint8Array): Buffer {
  return new SshWriter(data.length + 8).byte(SSH_MSG.PING).string(data).finish();
}

/** The data that the answer is to repeat. */
export function decodePing(payload: Buffer): Buffer {
  return new SshReader(payload, 1).string();
}

export function encodePong(data: Uint8Array): Buffer {
  return new SshWriter(data.length + 8).byte(SSH_MSG.PONG).string(data).finish();
}
