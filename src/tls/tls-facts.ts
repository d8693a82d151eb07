import type { TLSSocket } from 'node:tls';
import { isPostQuantumGroup } from './groups.ts';

/** What the handshake of a TLS connection came to, as its client sees it: Node does not tell a server the group. */
export interface TlsFacts {
  /** Such as `TLSv1.3`. */
  readonly protocol: string;
  /** The name of the IANA registry, such as `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** Of the key exchange, such as `X25519MLKEM768`; null where there was none of its own: RSA in TLS 1.2. */
  readonly group: string | null;
  readonly postQuantum: boolean;
}

/** Of a client's socket whose handshake is over. */
export function tlsFacts(socket: TLSSocket): TlsFacts {
  // Typed as any object: empty where nothing was exchanged.
  const { type, name } = { ...socket.getEphemeralKeyInfo() } as { readonly type?: string; readonly name?: string };
  // Finite fields of TLS 1.2 have a size and no name.
  const group = name ?? type ?? null;
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName,
    group,
    postQuantum: isPostQuantumGroup(group),
  };
}

/** `TLSv1.3 with X25519`, for messages. */
export function tlsInWords({ protocol, group }: TlsFacts): string {
  return `${protocol} with ${group ?? 'no key exchange of its own'}`;
}
