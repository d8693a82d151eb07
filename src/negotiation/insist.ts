import type { AlgorithmLists } from './algorithm-lists.ts';

/**
 * What a server lists for a client whose KEXINIT it has read (RFC 4253 §7.1 lets it read first). Where the client has one of
 * the methods `insisted` on, these alone are listed, so that the client's order chooses among them only. Where it has none,
 * the whole lists. `insisted` is a part of `whole.kex`, in its order. Pure; the client's list may be a stranger's.
 */
export function insistOn(
  insisted: readonly string[],
  whole: AlgorithmLists,
  client: { readonly kex: readonly string[] },
): AlgorithmLists {
  return client.kex.some((name) => insisted.includes(name)) ? { ...whole, kex: insisted } : whole;
}
