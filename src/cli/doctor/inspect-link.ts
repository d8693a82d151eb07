import type { StorageConfig } from '../../config/schema.ts';
import { storageLink } from '../../server/stores/storage-link.ts';
import { groupInWords } from '../../tls/tls-facts.ts';
import type { LinkFacts } from './facts.ts';
import { isLoopback } from './loopback.ts';

/** Looks at the way to a store: one TLS handshake or two, no request. Rejects with ConfigError only. */
export async function inspectLink(storage: StorageConfig, file: string): Promise<LinkFacts> {
  if (storage.type !== 's3') return { kind: 'here' };
  const link = await storageLink(storage, file);
  const host = `${link.host}:${link.port}`;
  switch (link.kind) {
    case 'plain':
      return { kind: 'http', host, loopback: isLoopback(link.host) };
    case 'tls':
      return { kind: 'tls', host, group: groupInWords(link), postQuantum: link.postQuantum };
    case 'failed':
      // A store that is refused for it is classical all the same.
      return link.offered === null
        ? { kind: 'unknown', host, why: link.problem }
        : { kind: 'tls', host, group: groupInWords(link.offered), postQuantum: false };
  }
}
