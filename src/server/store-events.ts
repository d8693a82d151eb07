import { isWatched, publish } from '../events/event-channels.ts';
import type { StoreWatchers } from './stores/configured-store.ts';

/** Publishes what the store of a server tells. */
export function publishedStoreEvents(server: string): StoreWatchers {
  return {
    onEvent: (name, fields) => {
      publish({ type: 'storage.event', server, name, fields });
    },
    onTry: (ended) => {
      if (isWatched('storage.request')) publish({ type: 'storage.request', server, ...ended });
    },
    onLink: (event) => {
      if (event.kind === 'opened') {
        const { host, protocol, cipher, group, postQuantum } = event;
        publish({ type: 'storage.connected', server, host, protocol, cipher, group, postQuantum });
      } else {
        const { host, code, problem } = event;
        publish({ type: 'storage.connection-refused', server, host, code, problem });
      }
    },
  };
}
