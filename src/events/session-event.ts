import type { FailureReason } from '../auth/failure-reasons.ts';
import type { CertificateDescription, TriedKey } from '../auth/tried-key.ts';
import type { SessionKex } from '../policy/session-kex.ts';
import type { SftpAction, SftpActionFailure } from '../sftp/events.ts';

/** Whose event it is: every event of a session has these. */
export interface SessionIdentity {
  /** Of the server that has the session: see `newServerId`. */
  readonly server: string;
  /** 16 hexadecimal digits; unlike any other session's. */
  readonly sessionId: string;
  /** IPv4 or IPv6; 'unknown' where the connection had ended before anybody could ask. */
  readonly remoteAddress: string;
  /** As the client last named itself, null before that. Until `auth.succeeded` anybody may have said it. */
  readonly user: string | null;
}

/** How far a session had come. */
export type SessionStage = 'kex' | 'service' | 'auth' | 'open';

/**
 * How a session ended. `internal-error`: by a bug of ours. `finished`: the client reset the connection after it had closed
 * its last channel. `broken`: the connection was lost, or the client broke a rule.
 */
export type SessionEnding = 'internal-error' | 'finished' | 'by-peer' | 'by-server' | 'broken';

/** Why a connection ended before its first key exchange did. */
export const KEY_EXCHANGE_FAILURES = [
  'no-common-algorithm',
  /** A public value that is none. */
  'bad-value',
  'protocol-error',
  'timeout',
  'refused-by-peer',
  /** Port scans and the checks of load balancers look like this. */
  'peer-left',
  'made-room',
  'shutdown',
  'internal-error',
] as const;

export type KeyExchangeFailure = (typeof KEY_EXCHANGE_FAILURES)[number];

/** What a session tells, without whose it is. What the fields mean and when each is told: docs/events.md. */
export type SessionFact =
  | {
      readonly type: 'session.opened';
      readonly remotePort: number | undefined;
      /** Address of the balancer that named the client's; null without one. */
      readonly proxy: string | null;
    }
  | {
      readonly type: 'session.negotiated';
      readonly policy: string;
      readonly kex: SessionKex;
      readonly milliseconds: number;
    }
  | { readonly type: 'session.rekeyed'; readonly kex: SessionKex; readonly number: number }
  | { readonly type: 'session.rekey-refused'; readonly method: string }
  | { readonly type: 'session.refused'; readonly request: string }
  | {
      readonly type: 'session.revoked';
      readonly reason: 'user-gone' | 'credential-gone' | 'method-not-allowed' | 'revoked-key';
    }
  | { readonly type: 'session.revocation-failed'; readonly error: unknown }
  | { readonly type: 'session.host-keys-proved'; readonly fingerprints: readonly string[] }
  | { readonly type: 'session.host-key-failed'; readonly error: unknown }
  | {
      readonly type: 'session.closed';
      readonly stage: SessionStage;
      readonly ending: SessionEnding;
      /** Where `stage` is 'kex', null otherwise. */
      readonly keyExchangeFailure: KeyExchangeFailure | null;
      /** RFC 4253 §11.1, or what the peer sent instead. */
      readonly reason: number;
      readonly message: string;
      readonly byPeer: boolean;
      /** On the socket, everything included. */
      readonly bytesIn: number;
      readonly bytesOut: number;
      readonly seconds: number;
      readonly clientVersion: string | null;
      /** More about the reason, such as the lists that have nothing in common. */
      readonly detail: Readonly<Record<string, unknown>>;
      readonly cause: unknown;
    }
  | { readonly type: 'auth.requested' }
  | {
      readonly type: 'auth.failed';
      /** The client's word. */
      readonly method: string;
      readonly reason: FailureReason;
      readonly key: TriedKey | null;
      /** The key would do, were it not for the algorithm or the signature. */
      readonly keyIsUsers: boolean;
      readonly error: unknown;
    }
  | {
      readonly type: 'auth.succeeded';
      readonly method: 'publickey' | 'password';
      readonly key: { readonly type: string; readonly fingerprint: string } | null;
      readonly signatureAlgorithm: string | null;
      /** Where the key is the user's because a CA says so. */
      readonly certificate: CertificateDescription | null;
    }
  | { readonly type: 'sftp.home-failed'; readonly error: unknown }
  | { readonly type: 'sftp.action'; readonly action: SftpAction; readonly failure: SftpActionFailure | null }
  | {
      readonly type: 'sftp.request';
      /** Of the request table, or 'unknown'. */
      readonly request: string;
      /** SSH_FXP_STATUS's code, and its name in small letters. */
      readonly code: number;
      readonly status: string;
      readonly milliseconds: number;
      /** Of a file, given (READ) or taken (WRITE). */
      readonly bytes: number;
    }
  | { readonly type: 'sftp.internal-error'; readonly request: string; readonly error: unknown };

export type SessionEvent = SessionIdentity & SessionFact;
