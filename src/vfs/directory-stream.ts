import type { DirectoryEntry } from '../storage/object-store.ts';

/**
 * One open listing, page by page; the next page is fetched while the last one is being used, and never more, so that
 * memory does not grow with the directory.
 */
export class DirectoryStream {
  readonly #pages: AsyncIterator<readonly DirectoryEntry[]>;
  #ahead: Promise<IteratorResult<readonly DirectoryEntry[]>>;
  #ended = false;

  constructor(pages: AsyncIterable<readonly DirectoryEntry[]>) {
    this.#pages = pages[Symbol.asyncIterator]();
    this.#ahead = this.#fetch();
  }

  /** The next page, or undefined after the last one. */
  async next(): Promise<readonly DirectoryEntry[] | undefined> {
    if (this.#ended) return undefined;
    const result = await this.#ahead;
    if (result.done === true) {
      this.#ended = true;
      return undefined;
    }
    this.#ahead = this.#fetch();
    return result.value;
  }

  /** Lets the store give up what the listing holds. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#pages.return?.();
  }

  #fetch(): Promise<IteratorResult<readonly DirectoryEntry[]>> {
    const page = this.#pages.next();
    // The failure is told by whoever calls `next`; a listing closed before that must not end the process.
    page.catch(() => undefined);
    return page;
  }
}

/** `first`, then the pages without the names that were in `first`. */
export async function* pagesAfter(
  first: readonly DirectoryEntry[],
  pages: AsyncIterable<readonly DirectoryEntry[]> | undefined,
): AsyncGenerator<readonly DirectoryEntry[]> {
  yield first;
  if (pages === undefined) return;
  const shown = new Set(first.map(({ name }) => name));
  for await (const page of pages) {
    const rest = page.filter(({ name }) => !shown.has(name));
    if (rest.length > 0) yield rest;
  }
}
