import type { AlgorithmLists } from '../negotiation/algorithm-lists.ts';
import { insistOn } from '../negotiation/insist.ts';
import { looksPostQuantum } from './pq-names.ts';

/**
 * `postQuantum` of the configuration: what the server makes of the post-quantum methods of its policy.
 * `offer`: they are listed with the others, and the client's order decides. `insist`: a client that has one is listed no
 * others. `require`: nobody is listed others.
 */
export const POST_QUANTUM_SETTINGS = ['offer', 'insist', 'require'] as const;

export type PostQuantumSetting = (typeof POST_QUANTUM_SETTINGS)[number];

/** The lists that a server has for anybody. Under `require` the methods may be none: such a server cannot start. */
export function listsUnder(setting: PostQuantumSetting, lists: AlgorithmLists): AlgorithmLists {
  return setting === 'require' ? { ...lists, kex: lists.kex.filter(looksPostQuantum) } : lists;
}

/**
 * The methods that a server insists on where the client has one. Empty where that changes nothing: then it need not read
 * the client's KEXINIT first.
 */
export function insistedMethods(setting: PostQuantumSetting, { kex }: AlgorithmLists): readonly string[] {
  const postQuantum = setting === 'insist' ? kex.filter(looksPostQuantum) : [];
  return postQuantum.length === kex.length ? [] : postQuantum;
}

/** What a server lists for a client whose KEXINIT comes in time. */
export function listsFor(
  setting: PostQuantumSetting,
  lists: AlgorithmLists,
  client: { readonly kex: readonly string[] },
): AlgorithmLists {
  return insistOn(insistedMethods(setting, lists), listsUnder(setting, lists), client);
}

/**
 * The classical method that a client would have got from all of `serverKex`, where a post-quantum one was `chosen`; null
 * where insisting has changed nothing.
 */
export function insistedOver(
  chosen: string | null,
  clientKex: readonly string[],
  serverKex: readonly string[],
): string | null {
  const otherwise = clientKex.find((name) => serverKex.includes(name));
  if (chosen === null || otherwise === undefined) return null;
  return looksPostQuantum(chosen) && !looksPostQuantum(otherwise) ? otherwise : null;
}
