import { StorageError, type DirectoryEntry, type Entry, type StorePath } from '../../object-store.ts';
import { attributesFrom, fileEntry, withoutTimes } from '../mapping/attributes.ts';
import { listedName, RESERVED_NAME } from '../mapping/keys.ts';
import type { ListPage } from '../api/list-parser.ts';
import { inParallel } from '../../flow/in-parallel.ts';
import type { ObjectInfo } from '../api/object-info.ts';
import type { S3Context } from '../s3-context.ts';
import type { Moment } from './shown-entries.ts';

type ListingContext = Pick<
  S3Context,
  | 'keys'
  | 'objects'
  | 'attributeMemory'
  | 'attributeDefaults'
  | 'listTimes'
  | 'listRequests'
  | 'events'
  | 'directoryTime'
>;

/** Told of each file whose attributes are known, with the moment before the first request that says so. */
export interface ListingWatch {
  moment(): Moment;
  shown(key: string, entry: Entry, moment: Moment): void;
}

/**
 * A directory's entries, one page for each of the store's, in the order of the names' UTF-8 bytes (with `/` after a
 * directory's name). Sizes come from the listing itself. Times that were set come from what is remembered, or from a request
 * for each entry that is not known yet. The next page is
 * asked for while the caller has the last one. `found` is false if there was no key at all under the prefix.
 */
export async function* listDirectory(
  context: ListingContext,
  path: StorePath,
  watch?: ListingWatch,
): AsyncGenerator<readonly DirectoryEntry[], { readonly found: boolean }> {
  const prefix = context.keys.directoryPrefix(path);
  const request = async (token: string | undefined): Promise<{ page: ListPage; moment: Moment | undefined }> => {
    const moment = watch?.moment();
    return { page: await context.objects.list({ prefix, delimiter: '/', token }), moment };
  };
  const files = new FileNames();
  let found = false;
  let hidden = 0;
  let next: ReturnType<typeof request> | undefined = request(undefined);
  while (next !== undefined) {
    const { page, moment }: Awaited<typeof next> = await next;
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
    const looked = await lookAt(context, page);
    for (const item of merge(page)) {
      if (item.key === prefix) continue;
      if (item.object === undefined) {
        const name = listedName(item.key.slice(prefix.length, -1));
        if (!shown(name) || files.has(name)) continue;
        entries.push({ name, ...directoryEntry(looked.get(item.key), context) });
      } else {
        const name = listedName(item.key.slice(prefix.length));
        if (!shown(name)) continue;
        files.add(name);
        const { key, size, etag, lastModified } = item.object;
        const now = looked.get(key);
        const metadata = now?.properties.metadata ?? context.attributeMemory.find(key, etag, lastModified);
        const entry = fileEntry({ ...(now ?? { size, lastModified }), metadata: metadata ?? {} }, context);
        entries.push({ name, ...entry });
        if (metadata !== undefined && moment !== undefined) watch?.shown(key, entry, moment);
      }
    }
    if (entries.length > 0) yield entries;
  }
  if (hidden > 0) context.events('KEYS_HIDDEN', { path, count: hidden });
  return { found };
}

/** A directory as its marker has it. */
export function directoryEntry(
  marker: ObjectInfo | undefined,
  {
    listTimes,
    attributeDefaults,
    directoryTime,
  }: Pick<ListingContext, 'listTimes' | 'attributeDefaults' | 'directoryTime'>,
): Entry {
  const metadata = marker?.properties.metadata ?? {};
  if (marker === undefined || listTimes === 'upload') {
    const attributes = attributesFrom('directory', 0, directoryTime, withoutTimes(metadata), attributeDefaults);
    return { kind: 'directory', attributes };
  }
  return {
    kind: 'directory',
    attributes: attributesFrom('directory', 0, marker.lastModified, metadata, attributeDefaults),
  };
}

/** What is at the keys of the page whose attributes are not known. One that may not be looked at is shown as it is listed. */
async function lookAt(context: ListingContext, page: ListPage): Promise<Map<string, ObjectInfo>> {
  const looked = new Map<string, ObjectInfo>();
  if (context.listTimes === 'upload') return looked;
  const unknown = page.objects
    .filter(({ key, etag, lastModified }) => context.attributeMemory.find(key, etag, lastModified) === undefined)
    .map(({ key }) => key);
  await inParallel([...unknown, ...page.prefixes], context.listRequests, async (key) => {
    if (context.keys.isReserved(key)) return;
    try {
      const object = await context.objects.head(key);
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
