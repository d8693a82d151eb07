import type { SessionEvent } from './session-event.ts';

/** Why a connection was closed for the sake of a limit; `made-room`: of those that had not logged in, for a newcomer. */
export type RefusalReason = 'rate' | 'limit' | 'made-room' | 'network' | 'proxy-header' | 'proxy-silent';

/** What a server tells that belongs to no session, without whose it is. What the fields mean: docs/events.md. */
export type ServerFact =
  | {
      readonly type: 'server.listening';
      readonly host: string;
      readonly port: number;
      readonly policy: string;
      readonly fips: 'off' | 'policy' | 'required';
      /** What computes each kind of algorithm. */
      readonly crypto: object;
      readonly storage: string;
      readonly users: number;
      /** Type and fingerprint. */
      readonly hostKeys: readonly string[];
      /** Type, key id, fingerprint of the CA, and until when. */
      readonly hostCertificates: readonly string[];
      readonly version: string;
    }
  | { readonly type: 'server.listener-error'; readonly error: unknown }
  | { readonly type: 'server.stopped'; readonly cutOff: number }
  | { readonly type: 'server.stop-overdue'; readonly sessions: number }
  | {
      readonly type: 'server.few-descriptors';
      readonly limit: number;
      readonly connections: number;
      readonly unauthenticated: number;
      readonly files: number;
      /** `limits.connections`. */
      readonly configured: number;
    }
  | { readonly type: 'config.needs-restart'; readonly setting: string }
  | {
      readonly type: 'host-key.unused';
      readonly file: string;
      readonly keyType: string;
      readonly fingerprint: string;
      readonly why: string;
    }
  | { readonly type: 'policy.reloaded'; readonly policy: string; readonly file: string }
  | { readonly type: 'policy.refused'; readonly file: string; readonly jsonPath: string; readonly message: string }
  | { readonly type: 'revoked-keys.reloaded'; readonly files: readonly string[] }
  | {
      readonly type: 'revoked-keys.refused';
      readonly file: string;
      readonly jsonPath: string;
      readonly message: string;
    }
  | {
      readonly type: 'connection.refused';
      readonly remoteAddress: string;
      readonly reason: RefusalReason;
      /** Connections that have not logged in. */
      readonly unauthenticated: number;
    }
  | { readonly type: 'storage.reachable'; readonly place: string; readonly seconds: number }
  | {
      readonly type: 'storage.unreachable';
      readonly code: string;
      readonly status: number | undefined;
      readonly permanent: boolean;
      /** Which store, and what is wrong. */
      readonly problem: string;
    }
  | {
      readonly type: 'storage.connected';
      readonly host: string;
      /** Such as `TLSv1.3`. */
      readonly protocol: string;
      readonly cipher: string;
      /** Of the key exchange; null where there was none of its own. */
      readonly group: string | null;
      readonly postQuantum: boolean;
    }
  | {
      readonly type: 'storage.connection-refused';
      readonly host: string;
      readonly code: string;
      /** What does not go together. */
      readonly problem: string;
    }
  | {
      readonly type: 'storage.event';
      /** Such as `UPLOAD_SWEPT`: a name out of the store's code. */
      readonly name: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: 'storage.request';
      readonly operation: string;
      readonly milliseconds: number;
      readonly outcome: 'ok' | 'aborted' | 'retried' | 'failed';
      /** Where it was retried or failed. */
      readonly reason?: string;
    };

/** Everything that a server publishes: one union, told apart by `type`. */
export type ServerEvent = ({ readonly server: string } & ServerFact) | SessionEvent;

export type EventType = ServerEvent['type'];

export type EventOf<Type extends EventType> = Extract<ServerEvent, { readonly type: Type }>;
