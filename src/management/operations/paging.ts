import { ApiError } from '../api-error.ts';
import { MAX_PAGE } from './limits.ts';

/** A user name has 100 characters, an external id 256: no token of ours comes near the 6,144 of the model. */
const MAX_TOKEN_LENGTH = 1024;

export interface PageRequest {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Left out of the answer on the last page. */
  readonly NextToken?: string;
}

/**
 * The keys of a list in their order. They are kept for as long as the list itself is: the maps of a snapshot do not change, and
 * the pages of a large list are asked for one after the other.
 */
const sortedKeys = new WeakMap<ReadonlyMap<string, unknown>, readonly string[]>();

/**
 * One page of `list` in the order of its keys. A token names the last key of the page before: whatever comes or goes in between,
 * no other item is left out or listed twice.
 * @param name of the operation and of the list in it, such as the server's id: a token of one list is foreign to all others
 * @throws ApiError InvalidNextTokenException
 */
export function pageOf<Item>(
  name: readonly string[],
  list: ReadonlyMap<string, Item>,
  { MaxResults = MAX_PAGE, NextToken }: PageRequest,
): Page<Item> {
  const keys = keysOf(list);
  const after = NextToken === undefined ? null : readToken(name, NextToken);
  const start = after === null ? 0 : firstAfter(keys, after);
  const chosen = keys.slice(start, start + MaxResults);
  const items = chosen.flatMap((key) => {
    const item = list.get(key);
    return item === undefined ? [] : [item];
  });
  const last = chosen.at(-1);
  if (last === undefined || start + chosen.length >= keys.length) return { items };
  return { items, NextToken: tokenAfter(name, last) };
}

/** The token of a page that ends with `last`. */
export function tokenAfter(name: readonly string[], last: string): string {
  return Buffer.from(JSON.stringify([...name, last])).toString('base64url');
}

function keysOf(list: ReadonlyMap<string, unknown>): readonly string[] {
  const known = sortedKeys.get(list);
  if (known !== undefined) return known;
  const keys = [...list.keys()].sort();
  sortedKeys.set(list, keys);
  return keys;
}

/** The index of the first key behind `after`, which may be gone. */
function firstAfter(keys: readonly string[], after: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** With what the page before has ended. @throws ApiError InvalidNextTokenException */
export function readToken(name: readonly string[], token: string): string {
  const parts = token.length > MAX_TOKEN_LENGTH ? null : partsOf(token);
  const after = parts?.at(-1);
  if (after === undefined || parts?.length !== name.length + 1 || name.some((part, index) => parts[index] !== part)) {
    throw foreignToken();
  }
  return after;
}

export function foreignToken(): ApiError {
  return new ApiError('InvalidNextTokenException', 'NextToken: is not one that this list has answered');
}

function partsOf(token: string): readonly string[] | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value : null;
  } catch {
    return null;
  }
}
