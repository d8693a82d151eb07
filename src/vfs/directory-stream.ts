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

/**
 * `first`, then the pages without the names that were in `first`. Resolves when the first of `pages` is there: a client
 * that cannot list a directory, since its store does not answer, is told so when it opens it.
 */
export async function openStream(
  first: readonly DirectoryEntry[],
  pages: AsyncIterable<readonly DirectoryEntry[]> | undefined,
): Promise<DirectoryStream> {
  const iterator = pages?.[Symbol.asyncIterator]();
  const begun = await iterator?.next();
  return new DirectoryStream(pagesAfter(first, begun, iterator));
}

/** The same pages, of which the first is asked for now. Whoever does not take it calls `return`. */
export function begunPages(
  pages: AsyncIterable<readonly DirectoryEntry[]>,
): AsyncIterableIterator<readonly DirectoryEntry[]> {
  const iterator = pages[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<readonly DirectoryEntry[]>> | undefined = iterator.next();
  // Told to whoever takes it.
  first.catch(() => undefined);
  const begun: AsyncIterableIterator<readonly DirectoryEntry[]> = {
    next: () => {
      const next = first ?? iterator.next();
      first = undefined;
      return next;
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => begun,
  };
  return begun;
}

async function* pagesAfter(
  first: readonly DirectoryEntry[],
  begun: IteratorResult<readonly DirectoryEntry[]> | undefined,
  iterator: AsyncIterator<readonly DirectoryEntry[]> | undefined,
): AsyncGenerator<readonly DirectoryEntry[]> {
  const shown = new Set(first.map(({ name }) => name));
  try {
    yield first;
    for (let result = begun; result !== undefined && result.done !== true; result = await iterator?.next()) {
      const rest = result.value.filter(({ name }) => !shown.has(name));
      if (rest.length > 0) yield rest;
    }
  } finally {
    await iterator?.return?.();
  }
}
