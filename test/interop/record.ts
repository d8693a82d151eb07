// What is known of each client from the runs so far: docs/interop.json, from which docs/interop.md is made.
import type { InteropClient } from './client.ts';
import type { Offer } from './offer.ts';
import type { CellResult } from './run-cells.ts';

/** One client, as it was run last. */
export interface ClientRecord {
  readonly name: string;
  readonly version: string;
  readonly origin: string;
  /** Of the run, `2026-11-30`. */
  readonly date: string;
  /** Its identification string, and its first key exchange method. */
  readonly says: string;
  readonly firstKex: string;
  readonly scenarios: Readonly<Record<string, ScenarioRecord>>;
}

export interface ScenarioRecord {
  /** Variants that passed, '' where there is one only. */
  readonly passed: readonly string[];
  readonly failed: readonly { readonly variant: string; readonly reason: string }[];
  /** Why it does not apply. */
  readonly inapplicable: readonly string[];
}

export function recordsOf(
  date: string,
  clients: readonly InteropClient[],
  offers: ReadonlyMap<string, Offer>,
  results: readonly CellResult[],
): ClientRecord[] {
  return clients.flatMap(({ name, version, origin }) => {
    const offer = offers.get(name);
    if (version === null || offer === undefined) return [];
    const mine = results.filter(({ client }) => client === name);
    const scenarios = [...new Set(mine.map(({ scenario }) => scenario))];
    const { version: says, kex } = offer;
    const known = { name, version, origin, date, says, firstKex: kex[0] ?? '' };
    return [{ ...known, scenarios: Object.fromEntries(scenarios.map((scenario) => [scenario, of(scenario, mine)])) }];
  });
}

function of(scenario: string, results: readonly CellResult[]): ScenarioRecord {
  const mine = results.filter((result) => result.scenario === scenario);
  const having = (outcome: CellResult['outcome']) => mine.filter((result) => result.outcome === outcome);
  return {
    passed: having('passed').map(({ variant }) => variant),
    failed: having('failed').map(({ variant, reason }) => ({ variant, reason: reason.split('\n', 1)[0] ?? '' })),
    inapplicable: having('not-applicable').map(({ reason }) => reason),
  };
}

/**
 * What is known after a run: its clients as they are now, the others as they were. Of a client that ran some scenarios only,
 * the others stay where it is of the same version. In the order of `names`; a client that is none of them any more is dropped.
 */
export function merged(
  before: readonly ClientRecord[],
  fresh: readonly ClientRecord[],
  names: readonly string[],
): ClientRecord[] {
  return names.flatMap((wanted) => {
    const old = before.find(({ name }) => name === wanted);
    const now = fresh.find(({ name }) => name === wanted);
    if (now === undefined) return old ?? [];
    const kept = old?.version === now.version ? old.scenarios : {};
    return [{ ...now, scenarios: { ...kept, ...now.scenarios } }];
  });
}
