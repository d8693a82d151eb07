import type { SessionKex } from '../../src/policy/session-kex.ts';

export interface SessionChanges {
  readonly classical?: boolean;
  readonly clientVersion?: string;
  readonly betterPqAvailable?: boolean;
  readonly insistedOver?: string;
  readonly clientOfferedPq?: boolean;
  readonly pqPossible?: boolean;
  readonly time?: string;
}

/** A `session.negotiated` line of the server's log, as an object. */
export function negotiated(sessionId: string, changes: SessionChanges): object {
  const classical = changes.classical ?? false;
  const kex: SessionKex = {
    method: classical ? 'curve25519-sha256' : 'mlkem768x25519-sha256',
    family: classical ? 'classical' : 'pq-hybrid',
    pq: classical ? null : 'ml-kem',
    classical: 'X25519',
    publicBits: { client: 256, server: 256 },
    cipher: { clientToServer: 'aes256-gcm@openssh.com', serverToClient: 'aes256-gcm@openssh.com' },
    mac: { clientToServer: null, serverToClient: null },
    hostKey: 'ssh-ed25519',
    clientVersion: changes.clientVersion ?? 'SSH-2.0-Test',
    strictKex: true,
    betterPqAvailable: changes.betterPqAvailable ?? false,
    insistedOver: changes.insistedOver ?? null,
    clientOfferedPq: changes.clientOfferedPq ?? !classical,
    pqPossible: changes.pqPossible ?? !classical,
  };
  return { level: 'info', time: changes.time, sessionId, event: 'session.negotiated', kex, msg: 'key exchange' };
}

export function login(sessionId: string, user: string): object {
  return { level: 'info', sessionId, event: 'auth.success', user, method: 'publickey', msg: 'logged in' };
}

export function closed(sessionId: string): object {
  return { level: 'info', sessionId, event: 'session.closed', msg: 'closed' };
}
