import type { Socket } from 'node:net';
import { parseProxyHeader, ProxyHeaderError, V2_MOST_BYTES, type ProxiedSource } from './proxy-header.ts';

/** What became of the wait for a header. */
export type ReadSource =
  /** null: the proxy speaks for itself. */
  | { readonly kind: 'header'; readonly source: ProxiedSource | null; readonly version: 1 | 2 }
  /** The first bytes are no header. */
  | { readonly kind: 'none' }
  /** No byte came in time. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'broken' }
  /** The client has gone, or the read failed. */
  | { readonly kind: 'ended' };

/**
 * Takes the header off the beginning of a connection, of which nothing has been read. What comes behind it stays in the socket, which
 * is paused. `waitMs`: how long the header may take. Never rejects.
 */
export async function readSource(socket: Socket, waitMs: number): Promise<ReadSource> {
  return new Promise((resolve) => {
    let start = Buffer.alloc(0);
    const settle = (result: ReadSource, rest: Buffer): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onEnd);
      if (rest.length > 0) socket.unshift(rest);
      resolve(result);
    };
    const onReadable = (): void => {
      const chunk: unknown = socket.read();
      if (!Buffer.isBuffer(chunk)) return;
      start = Buffer.concat([start, chunk]);
      let header;
      try {
        header = parseProxyHeader(start.subarray(0, V2_MOST_BYTES));
      } catch (error) {
        if (!(error instanceof ProxyHeaderError)) throw error;
        settle({ kind: 'broken' }, Buffer.alloc(0));
        return;
      }
      if (header.kind === 'none') settle({ kind: 'none' }, start);
      else if (header.kind === 'header') settle(header, start.subarray(header.bytes));
    };
    const onEnd = (): void => {
      settle({ kind: 'ended' }, Buffer.alloc(0));
    };
    const timer = setTimeout(() => {
      settle({ kind: start.length === 0 ? 'silent' : 'broken' }, Buffer.alloc(0));
    }, waitMs);
    socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onEnd);
  });
}
