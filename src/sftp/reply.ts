import type { Entry } from '../storage/object-store.ts';
import { SshWriter } from '../wire/writer.ts';
import { writeAttributes } from './attributes.ts';
import { SSH_FX, SSH_FXP, type StatusCode } from './protocol.ts';

/** One name of SSH_FXP_NAME (§7). READLINK and REALPATH have neither attributes nor a meaningful long name. */
export interface ReplyName {
  readonly name: string;
  readonly longName: string;
  readonly entry: Entry | undefined;
}

/** An answer to a request (§7), before it becomes bytes. */
export type Reply =
  | { readonly kind: 'status'; readonly code: StatusCode; readonly message: string }
  | { readonly kind: 'handle'; readonly handle: Buffer }
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'name'; readonly names: readonly ReplyName[] }
  | { readonly kind: 'attributes'; readonly entry: Entry }
  | { readonly kind: 'extended'; readonly body: Buffer };

export const OK: Reply = { kind: 'status', code: SSH_FX.OK, message: 'Success.' };
const ENCODED_OK = encodeStatus(0, SSH_FX.OK, 'Success.');
export const END_OF_FILE: Reply = { kind: 'status', code: SSH_FX.EOF, message: 'End of file.' };

export function statusOf(reply: Reply): StatusCode {
  return reply.kind === 'status' ? reply.code : SSH_FX.OK;
}

/** Data up to this length is copied behind its head: two buffers would cost more than the copy. */
const COPIED_DATA_BYTES = 1024;
const DATA_HEAD_BYTES = 13;

/** The packet, length field included. The data of a DATA reply stays a buffer of its own, uncopied, unless it is short. */
export function encodeReply(id: number, reply: Reply): readonly Buffer[] {
  switch (reply.kind) {
    case 'status':
      return [reply === OK ? encodeOk(id) : encodeStatus(id, reply.code, reply.message)];
    case 'handle':
      return [
        packet(SSH_FXP.HANDLE, 24, (writer) => {
          writer.uint32(id).string(reply.handle);
        }),
      ];
    case 'data': {
      const { data } = reply;
      const copied = data.length <= COPIED_DATA_BYTES;
      const head = Buffer.allocUnsafe(copied ? DATA_HEAD_BYTES + data.length : DATA_HEAD_BYTES);
      head.writeUInt32BE(9 + data.length, 0);
      head.writeUInt8(SSH_FXP.DATA, 4);
      head.writeUInt32BE(id, 5);
      head.writeUInt32BE(data.length, 9);
      if (!copied) return [head, data];
      head.set(data, DATA_HEAD_BYTES);
      return [head];
    }
    case 'name':
      return [
        packet(SSH_FXP.NAME, 32 + reply.names.length * 192, (writer) => {
          writer.uint32(id).uint32(reply.names.length);
          for (const { name, longName, entry } of reply.names) {
            writer.string(name).string(longName);
            if (entry === undefined) writer.uint32(0);
            else writeAttributes(writer, entry.attributes);
          }
        }),
      ];
    case 'attributes':
      return [
        packet(SSH_FXP.ATTRS, 48, (writer) => {
          writer.uint32(id);
          writeAttributes(writer, reply.entry.attributes);
        }),
      ];
    case 'extended':
      return [
        packet(SSH_FXP.EXTENDED_REPLY, 16 + reply.body.length, (writer) => {
          writer.uint32(id).bytes(reply.body);
        }),
      ];
  }
}

function encodeStatus(id: number, code: StatusCode, message: string): Buffer {
  return packet(SSH_FXP.STATUS, 64, (writer) => {
    writer.uint32(id).uint32(code).string(message).string('en');
  });
}

/** The most frequent answer of an upload. */
function encodeOk(id: number): Buffer {
  const whole = Buffer.allocUnsafe(ENCODED_OK.length);
  whole.set(ENCODED_OK);
  whole.writeUInt32BE(id, 5);
  return whole;
}

/** A packet of `type` with the fields that `write` gives it. */
export function packet(type: number, bytes: number, write: (writer: SshWriter) => void): Buffer {
  const writer = new SshWriter(bytes).uint32(0).byte(type);
  write(writer);
  const whole = writer.finish();
  whole.writeUInt32BE(whole.length - 4, 0);
  return whole;
}
