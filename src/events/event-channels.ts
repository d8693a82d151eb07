import type { Channel } from 'node:diagnostics_channel';
import { channel } from 'node:diagnostics_channel';
import type { EventOf, EventType, ServerEvent } from './server-event.ts';

/** The channel of each type of event, to be had under its name by everybody in the process: docs/events.md. */
export const EVENT_CHANNELS: Readonly<Record<EventType, Channel>> = {
  'server.listening': channel('latticeport:server.listening'),
  'server.listener-error': channel('latticeport:server.listener-error'),
  'server.stopped': channel('latticeport:server.stopped'),
  'server.stop-overdue': channel('latticeport:server.stop-overdue'),
  'server.few-descriptors': channel('latticeport:server.few-descriptors'),
  'config.needs-restart': channel('latticeport:config.needs-restart'),
  'host-key.unused': channel('latticeport:host-key.unused'),
  'policy.reloaded': channel('latticeport:policy.reloaded'),
  'policy.refused': channel('latticeport:policy.refused'),
  'revoked-keys.reloaded': channel('latticeport:revoked-keys.reloaded'),
  'revoked-keys.refused': channel('latticeport:revoked-keys.refused'),
  'connection.refused': channel('latticeport:connection.refused'),
  'session.opened': channel('latticeport:session.opened'),
  'session.negotiated': channel('latticeport:session.negotiated'),
  'session.rekeyed': channel('latticeport:session.rekeyed'),
  'session.rekey-refused': channel('latticeport:session.rekey-refused'),
  'session.refused': channel('latticeport:session.refused'),
  'session.revoked': channel('latticeport:session.revoked'),
  'session.revocation-failed': channel('latticeport:session.revocation-failed'),
  'session.host-keys-proved': channel('latticeport:session.host-keys-proved'),
  'session.host-key-failed': channel('latticeport:session.host-key-failed'),
  'session.closed': channel('latticeport:session.closed'),
  'auth.requested': channel('latticeport:auth.requested'),
  'auth.failed': channel('latticeport:auth.failed'),
  'auth.succeeded': channel('latticeport:auth.succeeded'),
  'sftp.home-failed': channel('latticeport:sftp.home-failed'),
  'sftp.action': channel('latticeport:sftp.action'),
  'sftp.request': channel('latticeport:sftp.request'),
  'sftp.internal-error': channel('latticeport:sftp.internal-error'),
  'storage.reachable': channel('latticeport:storage.reachable'),
  'storage.unreachable': channel('latticeport:storage.unreachable'),
  'storage.connected': channel('latticeport:storage.connected'),
  'storage.connection-refused': channel('latticeport:storage.connection-refused'),
  'storage.event': channel('latticeport:storage.event'),
  'storage.request': channel('latticeport:storage.request'),
};

/** Tells an event to whoever subscribes to its type, in this call. */
export function publish(event: ServerEvent): void {
  const to = EVENT_CHANNELS[event.type];
  if (to.hasSubscribers) to.publish(event);
}

/** Whether anybody in the process subscribes to `type`: for what is too costly to tell nobody. */
export function isWatched(type: EventType): boolean {
  return EVENT_CHANNELS[type].hasSubscribers;
}

/** What is called for each type of event. */
export type EventHandlers = { readonly [Type in EventType]?: (event: EventOf<Type>) => void };

/**
 * Calls `handlers` for the events of one server, until the returned function is called. A handler that throws harms nobody:
 * `onError` is told. (What a plain subscriber of a channel throws becomes an uncaught exception of the process.)
 */
export function subscribe(server: string, handlers: EventHandlers, onError: (error: unknown) => void): () => void {
  const undo: (() => void)[] = [];
  for (const [type, events] of Object.entries(EVENT_CHANNELS)) {
    // Each channel carries the events of its own type, and nobody but `publish` writes to it.
    const handle = handlers[type as EventType] as ((event: ServerEvent) => void) | undefined;
    if (handle === undefined) continue;
    const listener = (message: unknown): void => {
      const event = message as ServerEvent;
      if (event.server !== server) return;
      try {
        handle(event);
      } catch (error) {
        tell(onError, error);
      }
    };
    events.subscribe(listener);
    undo.push(() => {
      events.unsubscribe(listener);
    });
  }
  return () => {
    for (const each of undo.splice(0)) each();
  };
}

function tell(onError: (error: unknown) => void, error: unknown): void {
  try {
    onError(error);
  } catch {
    // Nobody is left who could be told.
  }
}
