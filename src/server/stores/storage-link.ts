import type { S3StorageConfig } from '../../config/schema.ts';
import type { StoreTls } from '../../storage/s3/api/store-agents.ts';
import { keyExchange, postQuantumGroups } from '../../tls/groups.ts';
import { handshake, type HandshakeResult } from '../../tls/handshake.ts';
import { tlsInWords, type TlsFacts } from '../../tls/tls-facts.ts';
import { tlsReason } from '../../tls/tls-fault.ts';
import { storeTls } from '../tls-material.ts';

/** A store that was asked for a post-quantum key exchange, and has none. */
export const NOT_POST_QUANTUM = 'NotPostQuantum';

const HTTPS_PORT = 443;

/** What the way to an S3 store comes to. */
export type StorageLink =
  | ({ readonly kind: 'tls'; readonly host: string; readonly port: number } & HandshakeResult)
  /** Plain HTTP: nothing is encrypted. */
  | { readonly kind: 'plain'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'failed';
      readonly host: string;
      readonly port: number;
      /** The system's or OpenSSL's, or `NotPostQuantum`. */
      readonly code: string;
      /** For the operator. */
      readonly problem: string;
      /** What a store without a post-quantum exchange has. */
      readonly offered: TlsFacts | null;
    };

/**
 * Makes one handshake with the store of a configuration, under its settings, and sends nothing over it: how the link would
 * be protected. Where a post-quantum exchange is required and the handshake fails, a second one shows what the store has.
 * Needs no credentials. Throws ConfigError, with the name of the configuration `file`, for settings that cannot be used.
 */
export async function storageLink(storage: S3StorageConfig, file: string): Promise<StorageLink> {
  const tls = storeTls(storage, file);
  // The SDK is large: only those who use it load it.
  const { storeUrl } = await import('../../storage/s3/api/store-url.ts');
  const { bucket, region, endpoint, forcePathStyle } = storage;
  const {
    protocol,
    hostname,
    port: portText,
  } = await storeUrl({
    bucket,
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: forcePathStyle ?? endpoint !== undefined,
  });
  // A URL has IPv6 addresses in brackets.
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  if (protocol === 'http:') return { kind: 'plain', host, port: Number(portText === '' ? 80 : portText) };
  const port = Number(portText === '' ? HTTPS_PORT : portText);
  try {
    return { kind: 'tls', host, port, ...(await handshake({ host, port, context: tls.context })) };
  } catch (error) {
    const offered = await classicalOffer(tls, host, port);
    if (offered !== null) {
      return { kind: 'failed', host, port, code: NOT_POST_QUANTUM, problem: classicalInWords(offered), offered };
    }
    const { code = 'Unknown' } = error as NodeJS.ErrnoException;
    return { kind: 'failed', host, port, code, problem: tlsReason(error), offered: null };
  }
}

/**
 * What a store that failed a post-quantum exchange has instead, by one more handshake that offers everything; null where that
 * comes to nothing, or is post-quantum: then something else was at fault, or no such exchange was asked for.
 */
export async function classicalOffer(tls: StoreTls, host: string, port: number): Promise<TlsFacts | null> {
  if (!tls.encryptedOnly) return null;
  // The oldest version is Node's again. Our certificate is shown to nobody whose own is not looked at.
  const { minVersion: _v, cert: _c, key: _k, ...context } = tls.context;
  try {
    const offered = await handshake({ host, port, context: { ...context, ...keyExchange('prefer') } });
    return offered.postQuantum ? null : offered;
  } catch {
    return null;
  }
}

/** `the store has no post-quantum key exchange: ...`, for the operator. */
export function classicalInWords(offered: TlsFacts): string {
  return (
    `the store has no post-quantum key exchange: it made ${tlsInWords(offered)}, ` +
    `and "require" needs TLS 1.3 with ${new Intl.ListFormat('en', { type: 'disjunction' }).format(postQuantumGroups())}`
  );
}
