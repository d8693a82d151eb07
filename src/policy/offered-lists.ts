import type { AlgorithmLists } from './security-policy.ts';

/** One side's lists of SSH_MSG_KEXINIT (RFC 4253 §7.1), in the order of the wire. */
export interface OfferedLists {
  /** Methods, and the signals `ext-info-*` and `kex-strict-*` where they are known. */
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

/** Names in the kex list that are signals, not methods: RFC 8308 §2.1, OpenSSH PROTOCOL §1.10, dropbear's guess rule. */
const SIGNALS = new Set([
  'ext-info-c',
  'ext-info-s',
  'kex-strict-c-v00@openssh.com',
  'kex-strict-s-v00@openssh.com',
  'kexguess2@matt.ucc.asn.au',
]);

export function isKexSignal(name: string): boolean {
  return SIGNALS.has(name);
}

/** What our server puts on the wire for a policy; `hostKeys` narrows the policy's to those with a configured key. */
export function serverOffer(lists: AlgorithmLists, hostKeys: readonly string[] = lists.hostKeys): OfferedLists {
  return {
    kex: [...lists.kex, 'kex-strict-s-v00@openssh.com'],
    hostKeys,
    ciphersClientToServer: lists.ciphers,
    ciphersServerToClient: lists.ciphers,
    macsClientToServer: lists.macs,
    macsServerToClient: lists.macs,
    compressionClientToServer: ['none'],
    compressionServerToClient: ['none'],
    firstKexPacketFollows: false,
  };
}
