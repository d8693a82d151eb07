import type { Readable } from 'node:stream';
import type { PartBody } from './open-part.ts';

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
