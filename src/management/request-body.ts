import type { IncomingMessage } from 'node:http';
import { ApiError } from './api-error.ts';

/** The body is larger than it may be. What of it is still to come is not read. */
export class BodyTooLarge extends ApiError {
  constructor(most: number) {
    super('InvalidRequestException', `the body is too large: expected at most ${most} bytes`);
  }
}

/** The client went away in the middle. */
export class RequestAborted extends Error {
  override readonly name = 'RequestAborted';
}

/** The whole body. How long it may take is the server's setting. @throws BodyTooLarge, RequestAborted */
export async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > most) throw new BodyTooLarge(most);
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > most) throw new BodyTooLarge(most);
      pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof BodyTooLarge) throw error;
    throw new RequestAborted('the client went away', { cause: error });
  }
  return Buffer.concat(pieces, length);
}
