/** What workers and primary say to each other over the IPC channel. */
export type ToPrimary =
  | { readonly type: 'admit'; readonly id: number; readonly source: string }
  | { readonly type: 'ready'; readonly host: string; readonly port: number };

export type ToWorker =
  { readonly type: 'admitted'; readonly id: number; readonly wait: number | null } | { readonly type: 'drain' };

export function isToPrimary(message: unknown): message is ToPrimary {
  return hasType(message) && (message.type === 'admit' || message.type === 'ready');
}

export function isToWorker(message: unknown): message is ToWorker {
  return hasType(message) && (message.type === 'admitted' || message.type === 'drain');
}

function hasType(message: unknown): message is { type: unknown } {
  return typeof message === 'object' && message !== null && 'type' in message;
}
