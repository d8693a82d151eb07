import { SshReader } from '../wire/reader.ts';
import { WireError } from '../wire/wire-error.ts';
import { SshWriter } from '../wire/writer.ts';
import type { AlgorithmLists } from './algorithm-lists.ts';
import { MAX_NAME_LIST_BYTES } from './limits.ts';
import { signalsToSend, type KexInitPosition, type Role } from './signals.ts';

/** The number of the message (RFC 4253 §12). */
export const SSH_MSG_KEXINIT = 20;

/** One side's lists of SSH_MSG_KEXINIT (RFC 4253 §7.1), in the order of the wire. */
export interface KexInit {
  /** Methods, and among them the signals: see signals.ts. */
  readonly kex: readonly string[];
  readonly hostKeys: readonly string[];
  readonly ciphersClientToServer: readonly string[];
  readonly ciphersServerToClient: readonly string[];
  readonly macsClientToServer: readonly string[];
  readonly macsServerToClient: readonly string[];
  readonly compressionClientToServer: readonly string[];
  readonly compressionServerToClient: readonly string[];
  readonly firstKexPacketFollows: boolean;
}

/**
 * What a role of this build puts on the wire for its lists: the same both ways, with its signals, without compression,
 * without a guess.
 */
export function kexInitFor(lists: AlgorithmLists, role: Role, position: KexInitPosition): KexInit {
  return {
    kex: [...lists.kex, ...signalsToSend(role, position)],
    hostKeys: lists.hostKeys,
    ciphersClientToServer: lists.ciphers,
    ciphersServerToClient: lists.ciphers,
    macsClientToServer: lists.macs,
    macsServerToClient: lists.macs,
    compressionClientToServer: ['none'],
    compressionServerToClient: ['none'],
    firstKexPacketFollows: false,
  };
}

/** The payload of an SSH_MSG_KEXINIT; `cookie` is 16 random bytes. */
export function encodeKexInit(init: KexInit, cookie: Buffer): Buffer {
  return new SshWriter(2048)
    .byte(SSH_MSG_KEXINIT)
    .bytes(cookie)
    .nameList(init.kex)
    .nameList(init.hostKeys)
    .nameList(init.ciphersClientToServer)
    .nameList(init.ciphersServerToClient)
    .nameList(init.macsClientToServer)
    .nameList(init.macsServerToClient)
    .nameList(init.compressionClientToServer)
    .nameList(init.compressionServerToClient)
    .nameList([])
    .nameList([])
    .boolean(init.firstKexPacketFollows)
    .uint32(0)
    .finish();
}

/** Parses a KEXINIT payload, message number included. Throws WireError. */
export function decodeKexInit(payload: Buffer): KexInit {
  const reader = new SshReader(payload);
  if (reader.byte() !== SSH_MSG_KEXINIT) throw new WireError('not a KEXINIT');
  reader.bytes(16);
  const list = (): string[] => reader.nameList(MAX_NAME_LIST_BYTES);
  const init = {
    kex: list(),
    hostKeys: list(),
    ciphersClientToServer: list(),
    ciphersServerToClient: list(),
    macsClientToServer: list(),
    macsServerToClient: list(),
    compressionClientToServer: list(),
    compressionServerToClient: list(),
  };
  // Languages: read and ignored, as everybody does.
  reader.string(MAX_NAME_LIST_BYTES);
  reader.string(MAX_NAME_LIST_BYTES);
  const firstKexPacketFollows = reader.boolean();
  reader.uint32();
  reader.end();
  return { ...init, firstKexPacketFollows };
}
