import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { StorageConfig } from '../../config/schema.ts';
import type { LinkFacts } from './facts.ts';
import { isLoopback } from './loopback.ts';

const DEADLINE_MS = 5000;

/** Looks at the way to a store: one TLS handshake, no request. Never rejects. */
export async function inspectLink(storage: StorageConfig): Promise<LinkFacts> {
  if (storage.type !== 's3') return { kind: 'here' };
  const url = endpointOf(storage);
  // Not `url.host`'s user and password, where somebody has put some.
  const { hostname, host } = url;
  if (url.protocol === 'http:') return { kind: 'http', host, loopback: isLoopback(hostname) };
  try {
    const group = await tlsGroup(hostname.replace(/^\[(.*)\]$/, '$1'), url.port === '' ? 443 : Number(url.port));
    if (group === null) return { kind: 'unknown', host, why: 'this version of Node.js does not tell the group' };
    return { kind: 'tls', host, group, postQuantum: /mlkem|kyber/i.test(group) };
  } catch (error) {
    return { kind: 'unknown', host, why: inWords(error) };
  }
}

/** OpenSSL's messages have its source lines in them; its reason is what people need. */
function inWords(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('reason' in error && typeof error.reason === 'string') return error.reason;
  return 'message' in error && typeof error.message === 'string' ? error.message : 'no handshake';
}

/** Where the store is asked: https at AWS S3 where no endpoint is configured. */
export function endpointOf({ endpoint, region }: Extract<StorageConfig, { type: 's3' }>): URL {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return new URL(endpoint ?? `https://s3.${region}.${suffix}`);
}

/** The group of the key exchange; null where it is not told. Rejects where there is no handshake in time. */
function tlsGroup(host: string, port: number): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 && { servername: host }),
      // Nothing is sent: who it is does not matter here, and a store's own CA need not be known.
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no handshake within ${DEADLINE_MS / 1000} s`));
    }, DEADLINE_MS);
    socket.once('error', reject);
    socket.once('close', () => {
      clearTimeout(timer);
      reject(new Error('the connection was closed'));
    });
    socket.once('secureConnect', () => {
      const info = socket.getEphemeralKeyInfo();
      resolve(info !== null && 'name' in info && typeof info.name === 'string' ? info.name : null);
      socket.destroy();
    });
  });
}
