import { SshReader } from '../wire/reader.ts';
import { WireError } from '../wire/wire-error.ts';
import { SshWriter } from '../wire/writer.ts';
import { DISCONNECT_REASON, SshDisconnect } from './disconnect.ts';
import { MAX_NAME_LIST_BYTES } from './limits.ts';
import { SSH_MSG } from './messages.ts';

/** The lists of SSH_MSG_KEXINIT (RFC 4253 §7.1), in the order of the wire. */
export interface KexInit {
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

/** Names in the kex list that are signals, not methods: RFC 8308 §2.1 and OpenSSH PROTOCOL §1.10. */
export const EXT_INFO_CLIENT = 'ext-info-c';
export const STRICT_KEX_CLIENT = 'kex-strict-c-v00@openssh.com';
export const STRICT_KEX_SERVER = 'kex-strict-s-v00@openssh.com';

/**
 * A role's KEXINIT as it goes over the wire. The signals are no methods: the negotiation does without them. That of strict
 * key exchange counts in the first KEXINIT only, but it is repeated in later ones as OpenSSH does: phpseclib looks for it
 * each time, and loses count of its packets where it is missing. RFC 8308 §2.1 allows its own signal in the first only.
 */
export function withSignals(init: KexInit, role: 'server' | 'client', isFirst: boolean): KexInit {
  const extInfo = role === 'client' && isFirst ? [EXT_INFO_CLIENT] : [];
  return { ...init, kex: [...init.kex, ...extInfo, role === 'server' ? STRICT_KEX_SERVER : STRICT_KEX_CLIENT] };
}

/** The lists that go into our KEXINIT, in order. */
export interface TransportAlgorithms {
  readonly kex: readonly string[];
  readonly hostKeys: readonly string[];
  readonly ciphers: readonly string[];
  readonly macs: readonly string[];
}

/** Our lists, the same both ways; without compression, without a guess. */
export function ownKexInit(algorithms: TransportAlgorithms): KexInit {
  return {
    kex: algorithms.kex,
    hostKeys: algorithms.hostKeys,
    ciphersClientToServer: algorithms.ciphers,
    ciphersServerToClient: algorithms.ciphers,
    macsClientToServer: algorithms.macs,
    macsServerToClient: algorithms.macs,
    compressionClientToServer: ['none'],
    compressionServerToClient: ['none'],
    firstKexPacketFollows: false,
  };
}

/** The payload of an SSH_MSG_KEXINIT; `cookie` is 16 random bytes. */
export function encodeKexInit(init: KexInit, cookie: Buffer): Buffer {
  return new SshWriter(2048)
    .byte(SSH_MSG.KEXINIT)
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
  if (reader.byte() !== SSH_MSG.KEXINIT) throw new WireError('not a KEXINIT');
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

export interface NegotiatedAlgorithms {
  readonly kex: string;
  readonly hostKey: string;
  readonly cipherClientToServer: string;
  readonly cipherServerToClient: string;
  /** null where the cipher is an AEAD: its own tag serves. */
  readonly macClientToServer: string | null;
  readonly macServerToClient: string | null;
}

const LIST_NAMES = {
  kex: 'key exchange method',
  hostKeys: 'host key type',
  ciphersClientToServer: 'cipher (client to server)',
  ciphersServerToClient: 'cipher (server to client)',
  macsClientToServer: 'MAC (client to server)',
  macsServerToClient: 'MAC (server to client)',
  compressionClientToServer: 'compression (client to server)',
  compressionServerToClient: 'compression (server to client)',
} as const;

type ListKey = keyof typeof LIST_NAMES;

/**
 * RFC 4253 §7.1: in each list the client's first name that the server has too.
 * Throws SshDisconnect (reason 3) naming the list that has no match; its detail carries both lists.
 */
export function negotiate(client: KexInit, server: KexInit, isAead: (cipher: string) => boolean): NegotiatedAlgorithms {
  const choose = (key: ListKey): string => {
    const chosen = client[key].find((name) => server[key].includes(name));
    if (chosen !== undefined) return chosen;
    throw new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, `no matching ${LIST_NAMES[key]} found`, {
      detail: { list: key, clientList: forLog(client[key]), serverList: server[key] },
    });
  };
  const kex = choose('kex');
  const hostKey = choose('hostKeys');
  const cipherClientToServer = choose('ciphersClientToServer');
  const cipherServerToClient = choose('ciphersServerToClient');
  const macClientToServer = isAead(cipherClientToServer) ? null : choose('macsClientToServer');
  const macServerToClient = isAead(cipherServerToClient) ? null : choose('macsServerToClient');
  choose('compressionClientToServer');
  choose('compressionServerToClient');
  return { kex, hostKey, cipherClientToServer, cipherServerToClient, macClientToServer, macServerToClient };
}

/** A peer's names as they may stand in a log: enough to see what it wanted, not as much as it likes. */
function forLog(names: readonly string[]): string[] {
  return names.slice(0, 64).map((name) => name.slice(0, 64));
}

/** Whether a guessed first packet is right (RFC 4253 §7): both sides' first kex and first host key algorithm agree. */
export function guessIsRight(client: KexInit, server: KexInit): boolean {
  return client.kex[0] === server.kex[0] && client.hostKeys[0] === server.hostKeys[0];
}
