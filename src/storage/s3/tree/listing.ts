import {
  StorageError,
  type DirectoryEntry,
  type Entry,
  type StoreEventSink,
  type StorePath,
} from '../../object-store.ts';
import type { AttributeMemory } from '../api/attribute-memory.ts';
import {
  attributesFrom,
  fileEntry,
  withoutTimes,
  type AttributeDefaults,
  type ListedTimes,
} from '../mapping/attributes.ts';
import { listedName, RESERVED_NAME, type KeySpace } from '../mapping/keys.ts';
import type { ListPage } from '../api/list-parser.ts';
import type { ObjectApi } from '../api/object-api.ts';
import { inParallel } from '../../flow/in-parallel.ts';
import type { ObjectInfo } from '../api/object-info.ts';

export interface ListingTools {
  readonly keys: KeySpace;
  readonly objects: Pick<ObjectApi, 'list' | 'head'>;
  readonly defaults: AttributeDefaults;
  readonly memory: AttributeMemory;
  readonly times: ListedTimes;
  /** Requests in flight for the entries of one listing. */
  readonly requests: number;
  readonly events: StoreEventSink;
  /** Seconds since the epoch: what directories show that have no marker, or whose marker is not asked. */
  readonly directoryTime: number;
}

/**
 * A directory's entries, one page for each of the store's, in the order of the names' UTF-8 bytes (with `/` after a
 * directory's name). Sizes come from the listing itself. Times that were set come from what is remembered, or from a request
 * for each entry that is not known yet. The next page is
 * asked for while the caller has the last one. `found` is false if there was no key at all under the prefix.
 */
export async function* listDirectory(
  tools: ListingTools,
  path: StorePath,
): AsyncGenerator<readonly DirectoryEntry[], { readonly found: boolean }> {
  const prefix = tools.keys.directoryPrefix(path);
  const request = async (token: string | undefined): Promise<ListPage> =>
    tools.objects.list({ prefix, delimiter: '/', token });
  const files = new FileNames();
  let found = false;
  let hidden = 0;
  let next: Promise<ListPage> | undefined = request(undefined);
  while (next !== undefined) {
    const page: ListPage = await next;
    next = page.next === undefined ? undefined : request(page.next);
    // A caller that stops in mid-list leaves this one unanswered: its failure is nobody's then.
    next?.catch(() => undefined);
    found ||= page.count > 0;
    const entries: DirectoryEntry[] = [];
    const shown = (name: string | undefined): name is string => {
      if (name === undefined || (path === '' && name === RESERVED_NAME)) {
        if (name === undefined) hidden += 1;
        return false;
      }
      return true;
    };
    const looked = await lookAt(tools, page);
    for (const item of merge(page)) {
      if (item.key === prefix) continue;
      if (item.object === undefined) {
        const name = listedName(item.key.slice(prefix.length, -1));
        if (!shown(name) || files.has(name)) continue;
        entries.push({ name, ...directoryEntry(looked.get(item.key), tools) });
      } else {
        const name = listedName(item.key.slice(prefix.length));
        if (!shown(name)) continue;
        files.add(name);
        const { key, size, etag, lastModified } = item.object;
        const now = looked.get(key);
        const metadata = now?.properties.metadata ?? tools.memory.find(key, etag, lastModified) ?? {};
        entries.push({ name, ...fileEntry({ ...(now ?? { size, lastModified }), metadata }, tools) });
      }
    }
    if (entries.length > 0) yield entries;
  }
  if (hidden > 0) tools.events('KEYS_HIDDEN', { path, count: hidden });
  return { found };
}

/** A directory as its marker has it. */
export function directoryEntry(
  marker: ObjectInfo | undefined,
  { times, defaults, directoryTime }: Pick<ListingTools, 'times' | 'defaults' | 'directoryTime'>,
): Entry {
  const metadata = marker?.properties.metadata ?? {};
  if (marker === undefined || times === 'upload') {
    const attributes = attributesFrom('directory', 0, directoryTime, withoutTimes(metadata), defaults);
    return { kind: 'directory', attributes };
  }
  return { kind: 'directory', attributes: attributesFrom('directory', 0, marker.lastModified, metadata, defaults) };
}

/** What is at the keys of the page whose attributes are not known. One that may not be looked at is shown as it is listed. */
async function lookAt(tools: ListingTools, page: ListPage): Promise<Map<string, ObjectInfo>> {
  const looked = new Map<string, ObjectInfo>();
  if (tools.times === 'upload') return looked;
  const unknown = page.objects
    .filter(({ key, etag, lastModified }) => tools.memory.find(key, etag, lastModified) === undefined)
    .map(({ key }) => key);
  await inParallel([...unknown, ...page.prefixes], tools.requests, async (key) => {
    if (tools.keys.isReserved(key)) return;
    try {
      const object = await tools.objects.head(key);
      if (object !== undefined) looked.set(key, object);
    } catch (error) {
      if (!(error instanceof StorageError) || error.code === 'unavailable') throw error;
    }
  });
  return looked;
}

interface ListedItem {
  readonly key: string;
  readonly object: ListPage['objects'][number] | undefined;
}

/** The page's keys and prefixes in one order, as the store saw them: by the bytes of their UTF-8. */
function merge(page: ListPage): ListedItem[] {
  const items: ListedItem[] = [
    ...page.objects.map((object) => ({ key: object.key, object })),
    ...page.prefixes.map((key) => ({ key, object: undefined })),
  ];
  return items.sort((a, b) => compareUtf8(a.key, b.key));
}

/** As Buffer.compare over UTF-8, without making the buffers: UTF-16 has another order only where surrogates are. */
function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above U+FFFF, so they sort after everything else. */
function rank(code: number): number {
  if (code >= 0xd800 && code <= 0xdfff) return code + 0x2000;
  return code >= 0xe000 ? code - 0x800 : code;
}

/**
 * The file names of a listing that can still be followed by a directory of the same name. `a/` comes after `a`, but
 * names such as `a!` and `a.txt` come between, perhaps pages of them; all of them begin with `a`, so a stack that is
 * never deeper than a name is long is enough to remember.
 */
class FileNames {
  #stack: string[] = [];

  add(name: string): void {
    this.#unwind(name);
    this.#stack.push(name);
  }

  has(name: string): boolean {
    this.#unwind(name);
    return this.#stack.at(-1) === name;
  }

  #unwind(name: string): void {
    for (let top = this.#stack.at(-1); top !== undefined && !name.startsWith(top); top = this.#stack.at(-1)) {
      this.#stack.pop();
    }
  }
}
