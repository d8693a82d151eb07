import type { TLSSocket } from 'node:tls';
import { isPostQuantumGroup, postQuantumGroups } from './groups.ts';

/** A hybrid group to which Node gives no name. */
const UNNAMED_HYBRID = 'unnamed hybrid';

/** What the handshake of a TLS connection came to, as its client sees it: Node does not tell a server the group. */
export interface TlsFacts {
  /** Such as `TLSv1.3`. */
  readonly protocol: string;
  /** The name of the IANA registry, such as `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /**
   * Of the key exchange, such as `X25519MLKEM768`, or `unnamed hybrid` where this Node has no name for it; null where there was
   * none of its own: RSA in TLS 1.2.
   */
  readonly group: string | null;
  readonly postQuantum: boolean;
}

/** Of a client's socket whose handshake is over. */
export function tlsFacts(socket: TLSSocket): TlsFacts {
  // Typed as any object: empty where nothing was exchanged.
  const { type, name } = { ...socket.getEphemeralKeyInfo() } as { readonly type?: string; readonly name?: string };
  const protocol = socket.getProtocol() ?? 'unknown';
  // Finite fields have a size and no name.
  const named = name ?? type ?? null;
  // The first Nodes with OpenSSL 3.5 (24.7 is one) say nothing of a hybrid. Of every other group that TLS 1.3 has, they do.
  const isUnnamed = named === null && protocol === 'TLSv1.3' && postQuantumGroups().length > 0;
  return {
    protocol,
    cipher: socket.getCipher().standardName,
    group: isUnnamed ? UNNAMED_HYBRID : named,
    postQuantum: isUnnamed || isPostQuantumGroup(named),
  };
}

/** The group, for messages. */
export function groupInWords({ group }: TlsFacts): string {
  return group ?? 'no key exchange of its own';
}

/** `TLSv1.3 with X25519`, for messages. */
export function tlsInWords(facts: TlsFacts): string {
  return `${facts.protocol} with ${groupInWords(facts)}`;
}
