import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import { MAX_DATA_BYTES, MAX_HOST_KEY_BLOB_BYTES } from './limits.ts';

// The messages of RFC 4254, each with its number, its fields and both directions of its encoding. A decoder takes the whole
// payload, whose first byte has been looked at, and throws WireError; the buffers that it answers are views of the payload.

/** Message numbers of RFC 4254 §9. */
export const SSH_MSG_CONNECTION = {
  GLOBAL_REQUEST: 80,
  REQUEST_SUCCESS: 81,
  REQUEST_FAILURE: 82,
  CHANNEL_OPEN: 90,
  CHANNEL_OPEN_CONFIRMATION: 91,
  CHANNEL_OPEN_FAILURE: 92,
  CHANNEL_WINDOW_ADJUST: 93,
  CHANNEL_DATA: 94,
  CHANNEL_EXTENDED_DATA: 95,
  CHANNEL_EOF: 96,
  CHANNEL_CLOSE: 97,
  CHANNEL_REQUEST: 98,
  CHANNEL_SUCCESS: 99,
  CHANNEL_FAILURE: 100,
} as const;

/** Reason codes of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 §5.1). */
export const OPEN_FAILURE = {
  ADMINISTRATIVELY_PROHIBITED: 1,
  CONNECT_FAILED: 2,
  UNKNOWN_CHANNEL_TYPE: 3,
  RESOURCE_SHORTAGE: 4,
} as const;

/** SSH_EXTENDED_DATA_STDERR (RFC 4254 §5.2). */
export const EXTENDED_DATA_STDERR = 1;

/** Tells a client of all host keys (OpenSSH PROTOCOL §2.5). */
export const HOSTKEYS = 'hostkeys-00@openssh.com';

/** Asks for proofs of host keys; also the first string of what is signed. */
export const HOSTKEYS_PROVE = 'hostkeys-prove-00@openssh.com';

const NUMBER = SSH_MSG_CONNECTION;
const MAX_TYPE_BYTES = 64;
const MAX_GLOBAL_NAME_BYTES = 128;
const MAX_SUBSYSTEM_BYTES = 256;
const MAX_COMMAND_BYTES = 4096;
const MAX_DESCRIPTION_BYTES = 1024;

/** SSH_MSG_GLOBAL_REQUEST (RFC 4254 §4). */
export interface GlobalRequest {
  readonly name: string;
  readonly wantReply: boolean;
  /** What the request's own specification puts behind it, not looked at. */
  readonly data: Buffer;
}

export function encodeGlobalRequest({ name, wantReply, data }: GlobalRequest): Buffer {
  return new SshWriter(64 + data.length)
    .byte(NUMBER.GLOBAL_REQUEST)
    .string(name)
    .boolean(wantReply)
    .bytes(data)
    .finish();
}

export function decodeGlobalRequest(payload: Buffer): GlobalRequest {
  const reader = new SshReader(payload, 1);
  return { name: reader.ascii(MAX_GLOBAL_NAME_BYTES), wantReply: reader.boolean(), data: reader.rest() };
}

/** SSH_MSG_REQUEST_SUCCESS (RFC 4254 §4), with what the request's specification puts behind it. */
export function encodeRequestSuccess(data: Buffer): Buffer {
  return new SshWriter(1 + data.length).byte(NUMBER.REQUEST_SUCCESS).bytes(data).finish();
}

export function decodeRequestSuccess(payload: Buffer): Buffer {
  return new SshReader(payload, 1).rest();
}

/** SSH_MSG_REQUEST_FAILURE (RFC 4254 §4): it has no fields. */
export function encodeRequestFailure(): Buffer {
  return Buffer.from([NUMBER.REQUEST_FAILURE]);
}

/** SSH_MSG_CHANNEL_OPEN (RFC 4254 §5.1). What the channel's type puts behind it is not looked at. */
export interface ChannelOpen {
  readonly type: string;
  readonly senderChannel: number;
  /** Bytes. */
  readonly initialWindowSize: number;
  /** Bytes of data in one message. */
  readonly maximumPacketSize: number;
}

export function encodeChannelOpen(open: ChannelOpen): Buffer {
  return new SshWriter(64)
    .byte(NUMBER.CHANNEL_OPEN)
    .string(open.type)
    .uint32(open.senderChannel)
    .uint32(open.initialWindowSize)
    .uint32(open.maximumPacketSize)
    .finish();
}

export function decodeChannelOpen(payload: Buffer): ChannelOpen {
  const reader = new SshReader(payload, 1);
  return {
    type: reader.ascii(MAX_TYPE_BYTES),
    senderChannel: reader.uint32(),
    initialWindowSize: reader.uint32(),
    maximumPacketSize: reader.uint32(),
  };
}

/** SSH_MSG_CHANNEL_OPEN_CONFIRMATION (RFC 4254 §5.1). */
export interface ChannelOpenConfirmation {
  readonly recipientChannel: number;
  readonly senderChannel: number;
  readonly initialWindowSize: number;
  readonly maximumPacketSize: number;
}

export function encodeChannelOpenConfirmation(confirmation: ChannelOpenConfirmation): Buffer {
  return new SshWriter(32)
    .byte(NUMBER.CHANNEL_OPEN_CONFIRMATION)
    .uint32(confirmation.recipientChannel)
    .uint32(confirmation.senderChannel)
    .uint32(confirmation.initialWindowSize)
    .uint32(confirmation.maximumPacketSize)
    .finish();
}

export function decodeChannelOpenConfirmation(payload: Buffer): ChannelOpenConfirmation {
  const reader = new SshReader(payload, 1);
  return {
    recipientChannel: reader.uint32(),
    senderChannel: reader.uint32(),
    initialWindowSize: reader.uint32(),
    maximumPacketSize: reader.uint32(),
  };
}

/** SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 §5.1); the language tag is written empty and not read. */
export interface ChannelOpenFailure {
  readonly recipientChannel: number;
  readonly reasonCode: number;
  readonly description: string;
}

export function encodeChannelOpenFailure(failure: ChannelOpenFailure): Buffer {
  return new SshWriter(128)
    .byte(NUMBER.CHANNEL_OPEN_FAILURE)
    .uint32(failure.recipientChannel)
    .uint32(failure.reasonCode)
    .string(failure.description)
    .string('')
    .finish();
}

export function decodeChannelOpenFailure(payload: Buffer): ChannelOpenFailure {
  const reader = new SshReader(payload, 1);
  return {
    recipientChannel: reader.uint32(),
    reasonCode: reader.uint32(),
    description: reader.utf8(MAX_DESCRIPTION_BYTES),
  };
}

/** SSH_MSG_CHANNEL_WINDOW_ADJUST (RFC 4254 §5.2). */
export interface ChannelWindowAdjust {
  readonly recipientChannel: number;
  readonly bytesToAdd: number;
}

export function encodeChannelWindowAdjust({ recipientChannel, bytesToAdd }: ChannelWindowAdjust): Buffer {
  return new SshWriter(9).byte(NUMBER.CHANNEL_WINDOW_ADJUST).uint32(recipientChannel).uint32(bytesToAdd).finish();
}

export function decodeChannelWindowAdjust(payload: Buffer): ChannelWindowAdjust {
  const reader = new SshReader(payload, 1);
  return { recipientChannel: reader.uint32(), bytesToAdd: reader.uint32() };
}

/** SSH_MSG_CHANNEL_DATA (RFC 4254 §5.2); at most MAX_DATA_BYTES are taken. */
export interface ChannelData {
  readonly recipientChannel: number;
  readonly data: Buffer;
}

/** The first nine bytes of the message: `bytes` of data follow, which are not copied for it. */
export function encodeChannelDataHead(recipientChannel: number, bytes: number): Buffer {
  const head = Buffer.allocUnsafe(9);
  head.writeUInt8(NUMBER.CHANNEL_DATA, 0);
  head.writeUInt32BE(recipientChannel, 1);
  head.writeUInt32BE(bytes, 5);
  return head;
}

export function decodeChannelData(payload: Buffer): ChannelData {
  const reader = new SshReader(payload, 1);
  const message = { recipientChannel: reader.uint32(), data: reader.string(MAX_DATA_BYTES) };
  reader.end();
  return message;
}

/** SSH_MSG_CHANNEL_EXTENDED_DATA (RFC 4254 §5.2). */
export interface ChannelExtendedData {
  readonly recipientChannel: number;
  readonly dataTypeCode: number;
  readonly data: Buffer;
}

export function encodeChannelExtendedData({ recipientChannel, dataTypeCode, data }: ChannelExtendedData): Buffer {
  return new SshWriter(13 + data.length)
    .byte(NUMBER.CHANNEL_EXTENDED_DATA)
    .uint32(recipientChannel)
    .uint32(dataTypeCode)
    .string(data)
    .finish();
}

export function decodeChannelExtendedData(payload: Buffer): ChannelExtendedData {
  const reader = new SshReader(payload, 1);
  return { recipientChannel: reader.uint32(), dataTypeCode: reader.uint32(), data: reader.string(MAX_DATA_BYTES) };
}

/** The messages whose only field is the recipient channel (RFC 4254 §5.3 and §5.4). */
type BareChannelMessage =
  | typeof SSH_MSG_CONNECTION.CHANNEL_EOF
  | typeof SSH_MSG_CONNECTION.CHANNEL_CLOSE
  | typeof SSH_MSG_CONNECTION.CHANNEL_SUCCESS
  | typeof SSH_MSG_CONNECTION.CHANNEL_FAILURE;

/** SSH_MSG_CHANNEL_EOF, _CLOSE, _SUCCESS and _FAILURE. */
export function encodeChannelMessage(number: BareChannelMessage, recipientChannel: number): Buffer {
  return new SshWriter(5).byte(number).uint32(recipientChannel).finish();
}

/** The recipient channel of SSH_MSG_CHANNEL_EOF, _CLOSE, _SUCCESS or _FAILURE. */
export function decodeChannelMessage(payload: Buffer): number {
  return new SshReader(payload, 1).uint32();
}

/** SSH_MSG_CHANNEL_REQUEST (RFC 4254 §5.4). */
export interface ChannelRequest {
  readonly recipientChannel: number;
  readonly type: string;
  readonly wantReply: boolean;
  /** What the type puts behind it, not looked at: see the decoders below. */
  readonly data: Buffer;
}

export function encodeChannelRequest({ recipientChannel, type, wantReply, data }: ChannelRequest): Buffer {
  return new SshWriter(64 + data.length)
    .byte(NUMBER.CHANNEL_REQUEST)
    .uint32(recipientChannel)
    .string(type)
    .boolean(wantReply)
    .bytes(data)
    .finish();
}

export function decodeChannelRequest(payload: Buffer): ChannelRequest {
  const reader = new SshReader(payload, 1);
  return {
    recipientChannel: reader.uint32(),
    type: reader.ascii(MAX_TYPE_BYTES),
    wantReply: reader.boolean(),
    data: reader.rest(),
  };
}

/** The data of a `subsystem` request (RFC 4254 §6.5): the subsystem's name. */
export function encodeSubsystemData(name: string): Buffer {
  return new SshWriter(64).string(name).finish();
}

export function decodeSubsystemData(data: Buffer): string {
  return new SshReader(data).utf8(MAX_SUBSYSTEM_BYTES);
}

/** The data of an `exec` request (RFC 4254 §6.5): the command, for which no encoding is laid down. */
export function encodeExecData(command: string): Buffer {
  return new SshWriter(64).string(command).finish();
}

export function decodeExecData(data: Buffer): Buffer {
  return new SshReader(data).string(MAX_COMMAND_BYTES);
}

/** The data of an `exit-status` request (RFC 4254 §6.10). */
export function encodeExitStatusData(status: number): Buffer {
  return new SshWriter(4).uint32(status).finish();
}

export function decodeExitStatusData(data: Buffer): number {
  return new SshReader(data).uint32();
}

/**
 * The data of `hostkeys-00@openssh.com` and `hostkeys-prove-00@openssh.com` (OpenSSH PROTOCOL §2.5), which is public key
 * blobs, and of the success that answers the latter, which is a signature for each of them.
 */
export function encodeHostKeysData(blobs: readonly Buffer[]): Buffer {
  const writer = new SshWriter(2048);
  for (const blob of blobs) writer.string(blob);
  return writer.finish();
}

/** One blob after the other, so that whoever has seen enough reads no further; each at most MAX_HOST_KEY_BLOB_BYTES. */
export function* decodeHostKeysData(data: Buffer): Generator<Buffer, void> {
  const reader = new SshReader(data);
  while (reader.remaining > 0) yield reader.string(MAX_HOST_KEY_BLOB_BYTES);
}

/** What is signed to prove a host key (OpenSSH PROTOCOL §2.5). */
export function encodeHostKeyProof(sessionId: Buffer, blob: Buffer): Buffer {
  return new SshWriter(2048).string(HOSTKEYS_PROVE).string(sessionId).string(blob).finish();
}
