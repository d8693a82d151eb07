import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { UploadPartCommand } from '@aws-sdk/client-s3';
import { abortReason } from '../../flow/clock.ts';

/** What is sent as a part: memory, or a file that is read anew for each try. Lengths are bytes. */
export type PartBody = Buffer | { readonly length: number; readonly open: () => Readable };

const SHA256_HEADER = 'x-amz-content-sha256';

/**
 * Sends a body by one request. `send` is given a signal that ends the request also when the body cannot be read, whose
 * error is thrown then (the SDK neither listens for it nor notices that no byte comes any more), and when the answer came
 * before the body was read: the connection would wait for the rest, and be taken, until it times out.
 */
export async function sendBody<T>(
  body: PartBody,
  signal: AbortSignal | undefined,
  send: (content: Buffer | Readable, options: { readonly abortSignal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  if (Buffer.isBuffer(body)) return send(body, signal === undefined ? {} : { abortSignal: signal });
  const content = body.open();
  const end = new AbortController();
  let broken: Error | undefined;
  content.on('error', (error) => {
    broken ??= error;
    end.abort(error);
  });
  try {
    const abortSignal = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
    return await send(content, { abortSignal });
  } catch (error) {
    throw broken ?? error;
  } finally {
    if (!content.readableEnded) end.abort(new Error('the request has ended'));
    content.destroy();
  }
}

/**
 * The SHA-256 of a body that is a file, in hexadecimal; undefined for memory, whose digest the SDK computes by itself.
 * Throws what reading throws, or the signal's reason.
 */
export async function fileDigest(body: PartBody, signal: AbortSignal | undefined): Promise<string | undefined> {
  if (Buffer.isBuffer(body)) return undefined;
  const hash = createHash('sha256');
  for await (const chunk of body.open() as AsyncIterable<Buffer>) {
    if (signal?.aborted === true) throw abortReason(signal);
    hash.update(chunk);
  }
  return hash.digest('hex');
}

/**
 * Signs the request for a body with this digest, which makes the store refuse any other bytes. The SDK would send a
 * stream as UNSIGNED-PAYLOAD: then a bit that is wrong on the way is stored. Where it is configured to send a checksum
 * behind the stream, that says the same.
 */
export function signDigest(command: UploadPartCommand, digest: string): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      const { headers } = args.request as { readonly headers: Record<string, string> };
      headers[SHA256_HEADER] ??= digest;
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'latticeportDigest' },
  );
}
