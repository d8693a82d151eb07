import type { MetricSnapshot } from '../../telemetry/metric-snapshot.ts';
import type { LaneOrder, LaneRequest } from './lane-messages.ts';

/** What workers and primary say to each other over the IPC channel. */
export type ToPrimary =
  /** Its first words: it wants the passphrases of the host keys. */
  | { readonly type: 'passphrases' }
  | { readonly type: 'admit'; readonly id: number; readonly source: string }
  | { readonly type: 'ready'; readonly host: string; readonly port: number; readonly storageReady: boolean }
  /** The store, which had not answered when it began to listen, answers now. */
  | { readonly type: 'storage-ready' }
  /** Whether the user may have one more connection, of `limit`; and that one is over. */
  | { readonly type: 'enter'; readonly id: number; readonly user: string; readonly limit: number }
  | { readonly type: 'leave'; readonly user: string }
  | { readonly type: 'lanes'; readonly request: LaneRequest }
  /** Its metrics, because the primary has asked in that round, or 0: because it ends. */
  | { readonly type: 'measured'; readonly round: number; readonly metrics: readonly MetricSnapshot[] }
  /** It takes no more connections. */
  | { readonly type: 'closed' }
  /** It cannot start, and ends; the text is for the operator. */
  | { readonly type: 'failed'; readonly message: string };

export type ToWorker =
  /** By file; empty where nobody was asked. */
  | { readonly type: 'passphrases'; readonly passphrases: readonly (readonly [file: string, passphrase: string])[] }
  | { readonly type: 'admitted'; readonly id: number; readonly wait: number | null }
  | { readonly type: 'entered'; readonly id: number; readonly may: boolean }
  | { readonly type: 'lanes'; readonly order: LaneOrder }
  /** Say your metrics. */
  | { readonly type: 'measure'; readonly round: number }
  /** The configuration has changed: whoever could not log in any more has to go. */
  | { readonly type: 'reloaded' }
  /** Another has taken its place: no new connections, and an end when the last session has ended by itself. */
  | { readonly type: 'retire' }
  /** The answer to `closed`: no connection is on its way to it any more, and whatever was is here before this. */
  | { readonly type: 'closed' }
  /** The server stops: no new connections, idle sessions end, transfers may finish within the deadline. */
  | { readonly type: 'drain' };

const TO_PRIMARY: readonly unknown[] = [
  'passphrases',
  'admit',
  'enter',
  'leave',
  'lanes',
  'ready',
  'storage-ready',
  'closed',
  'failed',
  'measured',
] satisfies ToPrimary['type'][];
const TO_WORKER: readonly unknown[] = [
  'passphrases',
  'admitted',
  'entered',
  'lanes',
  'measure',
  'reloaded',
  'retire',
  'closed',
  'drain',
] satisfies ToWorker['type'][];

export function isToPrimary(message: unknown): message is ToPrimary {
  return hasType(message) && TO_PRIMARY.includes(message.type);
}

export function isToWorker(message: unknown): message is ToWorker {
  return hasType(message) && TO_WORKER.includes(message.type);
}

function hasType(message: unknown): message is { type: unknown } {
  return typeof message === 'object' && message !== null && 'type' in message;
}
