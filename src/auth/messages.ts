import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import { MAX_KEY_BLOB_BYTES, MAX_SIGNATURE_BYTES, MAX_USER_NAME_BYTES } from './limits.ts';

// The messages of RFC 4252, each with its number, its fields and both directions of its encoding. A decoder takes the whole
// payload, whose first byte has been looked at, and throws WireError; the buffers that it answers are views of the payload.

/** Message numbers of RFC 4252 §6 and §7. */
export const SSH_MSG_USERAUTH = { REQUEST: 50, FAILURE: 51, SUCCESS: 52, BANNER: 53, PK_OK: 60 } as const;

const MAX_NAME_BYTES = 64;
const MAX_ALGORITHM_BYTES = 128;
const MAX_METHODS_BYTES = 1024;
const MAX_BANNER_BYTES = 64 * 1024;

/** SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5). */
export interface UserAuthRequest {
  readonly userName: string;
  /** What is to be started after the authentication. */
  readonly service: string;
  readonly method: string;
  /** What the method puts behind it, not looked at: see the decoders below. */
  readonly fields: Buffer;
}

export function encodeUserAuthRequest({ userName, service, method, fields }: UserAuthRequest): Buffer {
  return new SshWriter(64 + fields.length)
    .byte(SSH_MSG_USERAUTH.REQUEST)
    .string(userName)
    .string(service)
    .string(method)
    .bytes(fields)
    .finish();
}

export function decodeUserAuthRequest(payload: Buffer): UserAuthRequest {
  const reader = new SshReader(payload, 1);
  return {
    userName: reader.utf8(MAX_USER_NAME_BYTES),
    service: reader.ascii(MAX_NAME_BYTES),
    method: reader.ascii(MAX_NAME_BYTES),
    fields: reader.rest(),
  };
}

/** The fields of the method `password` (RFC 4252 §8). As bytes: whoever checks them decides what can be a password. */
export interface PasswordFields {
  readonly password: Buffer;
  /** null where no change is asked for. */
  readonly newPassword: Buffer | null;
}

export function encodePasswordFields({ password, newPassword }: PasswordFields): Buffer {
  const writer = new SshWriter(64).boolean(newPassword !== null).string(password);
  return newPassword === null ? writer.finish() : writer.string(newPassword).finish();
}

export function decodePasswordFields(fields: Buffer): PasswordFields {
  const reader = new SshReader(fields);
  const change = reader.boolean();
  const message = { password: reader.string(), newPassword: change ? reader.string() : null };
  reader.end();
  return message;
}

/** The fields of the method `publickey` (RFC 4252 §7). */
export interface PublicKeyFields {
  /** Of the signature: `rsa-sha2-256` is one of the key type `ssh-rsa`. */
  readonly algorithm: string;
  readonly blob: Buffer;
  /** null where the client only asks whether the key would do. */
  readonly signature: Buffer | null;
}

export function encodePublicKeyFields({ algorithm, blob, signature }: PublicKeyFields): Buffer {
  const writer = new SshWriter(1024)
    .boolean(signature !== null)
    .string(algorithm)
    .string(blob);
  return signature === null ? writer.finish() : writer.string(signature).finish();
}

export function decodePublicKeyFields(fields: Buffer): PublicKeyFields {
  const reader = new SshReader(fields);
  const signed = reader.boolean();
  const message = {
    algorithm: reader.ascii(MAX_ALGORITHM_BYTES),
    blob: reader.string(MAX_KEY_BLOB_BYTES),
    signature: signed ? reader.string(MAX_SIGNATURE_BYTES) : null,
  };
  reader.end();
  return message;
}

/**
 * What the `signature` at the end of a `publickey` request is over (RFC 4252 §7): the session identifier and the request up
 * to the signature, byte by byte as it was sent.
 */
export function encodeSignedData(sessionId: Buffer, payload: Buffer, signature: Buffer): Buffer {
  return new SshWriter(4096)
    .string(sessionId)
    .bytes(payload.subarray(0, payload.length - 4 - signature.length))
    .finish();
}

/** SSH_MSG_USERAUTH_FAILURE (RFC 4252 §5.1). */
export interface UserAuthFailure {
  /** With which the client may go on. */
  readonly methods: readonly string[];
  /** The method succeeded, and another one is needed. */
  readonly partialSuccess: boolean;
}

export function encodeUserAuthFailure({ methods, partialSuccess }: UserAuthFailure): Buffer {
  return new SshWriter(64).byte(SSH_MSG_USERAUTH.FAILURE).nameList(methods).boolean(partialSuccess).finish();
}

export function decodeUserAuthFailure(payload: Buffer): UserAuthFailure {
  const reader = new SshReader(payload, 1);
  const message = { methods: reader.nameList(MAX_METHODS_BYTES), partialSuccess: reader.boolean() };
  reader.end();
  return message;
}

/** SSH_MSG_USERAUTH_SUCCESS (RFC 4252 §5.1): it has no fields. */
export function encodeUserAuthSuccess(): Buffer {
  return Buffer.from([SSH_MSG_USERAUTH.SUCCESS]);
}

/** SSH_MSG_USERAUTH_BANNER (RFC 4252 §5.4); the language tag is written empty and not read. */
export function encodeUserAuthBanner(message: string): Buffer {
  const text = message.replace(/\r?\n/g, '\r\n');
  return new SshWriter(256).byte(SSH_MSG_USERAUTH.BANNER).string(text).string('').finish();
}

/** Text of a stranger, for a terminal only after it was made printable. */
export function decodeUserAuthBanner(payload: Buffer): string {
  return new SshReader(payload, 1).utf8(MAX_BANNER_BYTES);
}

/** SSH_MSG_USERAUTH_PK_OK (RFC 4252 §7): a signature with this key would do. */
export type UserAuthPkOk = Pick<PublicKeyFields, 'algorithm' | 'blob'>;

export function encodeUserAuthPkOk({ algorithm, blob }: UserAuthPkOk): Buffer {
  return new SshWriter(1024).byte(SSH_MSG_USERAUTH.PK_OK).string(algorithm).string(blob).finish();
}

export function decodeUserAuthPkOk(payload: Buffer): UserAuthPkOk {
  const reader = new SshReader(payload, 1);
  const message = { algorithm: reader.ascii(MAX_ALGORITHM_BYTES), blob: reader.string(MAX_KEY_BLOB_BYTES) };
  reader.end();
  return message;
}
