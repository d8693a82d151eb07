import type { DirectoryEntry, StoreEventSink, StorePath } from '../object-store.ts';
import type { AttributeMemory } from './attribute-memory.ts';
import { attributesFrom, plainEntry, type AttributeDefaults } from './attributes.ts';
import { listedName, RESERVED_NAME, type KeySpace } from './keys.ts';
import type { ListPage } from './list-parser.ts';
import type { ObjectApi } from './object-api.ts';

export interface ListingTools {
  readonly keys: KeySpace;
  readonly objects: Pick<ObjectApi, 'list'>;
  readonly defaults: AttributeDefaults;
  readonly memory: AttributeMemory;
  readonly events: StoreEventSink;
  /** Seconds since the epoch: what directories show, for which a listing has no time. */
  readonly directoryTime: number;
}

/**
 * A directory's entries, one page for each of the store's, in the order of the names' UTF-8 bytes (with `/` after a
 * directory's name). Sizes and times come from the listing itself or from what is remembered, never from a request
 * for each entry. The next page is
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
    for (const item of merge(page)) {
      if (item.key === prefix) continue;
      if (item.object === undefined) {
        const name = listedName(item.key.slice(prefix.length, -1));
        if (!shown(name) || files.has(name)) continue;
        entries.push({ name, ...plainEntry('directory', 0, tools.directoryTime, tools.defaults) });
      } else {
        const name = listedName(item.key.slice(prefix.length));
        if (!shown(name)) continue;
        files.add(name);
        const { key, size, etag, lastModified } = item.object;
        const metadata = tools.memory.find(key, etag, lastModified) ?? {};
        entries.push({
          name,
          kind: 'file',
          attributes: attributesFrom('file', size, lastModified, metadata, tools.defaults),
        });
      }
    }
    if (entries.length > 0) yield entries;
  }
  if (hidden > 0) tools.events('KEYS_HIDDEN', { path, count: hidden });
  return { found };
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
