import type { AlgorithmLists, SecurityPolicy } from './security-policy.ts';

export interface ListDifference {
  readonly list: keyof AlgorithmLists;
  /** Only in the first policy, in its order. */
  readonly removed: readonly string[];
  /** Only in the second policy, in its order. */
  readonly added: readonly string[];
  /** What both have stands in another order. */
  readonly reordered: boolean;
}

export interface PolicyDifference {
  readonly from: string;
  readonly to: string;
  /** Null where both policies agree. */
  readonly fips: { readonly from: boolean; readonly to: boolean } | null;
  /** The least group of group exchange, in bits; null where both policies agree. */
  readonly groupExchangeMinBits: { readonly from: number; readonly to: number } | null;
  /** Lists that differ. */
  readonly lists: readonly ListDifference[];
}

const LIST_KEYS = ['kex', 'ciphers', 'macs', 'hostKeys'] as const satisfies readonly (keyof AlgorithmLists)[];

/** What changes between two policies. Pure. */
export function diffPolicies(from: SecurityPolicy, to: SecurityPolicy): PolicyDifference {
  const lists = LIST_KEYS.map((list) => {
    const [before, after] = [from.algorithms[list], to.algorithms[list]];
    const keptBefore = before.filter((name) => after.includes(name));
    const keptAfter = after.filter((name) => before.includes(name));
    return {
      list,
      removed: before.filter((name) => !after.includes(name)),
      added: after.filter((name) => !before.includes(name)),
      reordered: keptBefore.some((name, index) => keptAfter[index] !== name),
    };
  });
  return {
    from: from.name,
    to: to.name,
    fips: from.fips === to.fips ? null : { from: from.fips, to: to.fips },
    groupExchangeMinBits:
      from.groupExchangeMinBits === to.groupExchangeMinBits
        ? null
        : { from: from.groupExchangeMinBits, to: to.groupExchangeMinBits },
    lists: lists.filter(({ removed, added, reordered }) => removed.length > 0 || added.length > 0 || reordered),
  };
}
