import type { Entry, ReadHandle } from '../../object-store.ts';
import type { ObjectApi } from '../object-api.ts';
import type { RetryContext } from '../retry.ts';
import { fetchInto, type PinnedObject } from './range-fetch.ts';

export interface DownloadTools {
  readonly objects: ObjectApi;
  readonly retry: RetryContext;
}

/** An open file that is read. */
export class DownloadHandle implements ReadHandle {
  readonly #tools: DownloadTools;
  readonly #object: PinnedObject;
  readonly #entry: Entry;
  readonly #abort = new AbortController();

  constructor(tools: DownloadTools, object: PinnedObject, entry: Entry) {
    this.#tools = tools;
    this.#object = object;
    this.#entry = entry;
  }

  async stat(): Promise<Entry> {
    return Promise.resolve(this.#entry);
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const end = Math.min(offset + length, this.#entry.attributes.size);
    if (offset >= end) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(end - offset);
    await fetchInto(this.#tools.objects, this.#tools.retry, this.#object, offset, bytes, this.#abort.signal);
    return bytes;
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('the file was closed'));
    return Promise.resolve();
  }
}
