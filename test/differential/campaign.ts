// Many sequences, each from a seed of its own; what fails is made small and told, one of a kind.
import { randomBytes } from 'node:crypto';
import type { Oracle } from './oracle.ts';
import { describeSequence, play, type Failure, type Tally } from './play.ts';
import { makeSequence, type Sequence } from './sequence.ts';
import { shrink } from './shrink.ts';
import type { Target } from './target.ts';

export interface CampaignOptions {
  readonly runs: number;
  /** How many steps of a hundred are two requests at one instant. */
  readonly pairs: number;
  /** After so many failures of different kinds it ends. */
  readonly maxKinds?: number;
}

export interface Campaign {
  readonly played: number;
  readonly tally: Tally;
  /** One text a kind, with how often it came. */
  readonly failures: readonly { readonly signature: string; readonly count: number; readonly text: string }[];
}

/** Continuous integration plays the same sequences every time: what is new is looked for by hand. */
const USUAL_SEED = 1000;

/** The first sequence's seed: LATTICEPORT_DIFFERENTIAL_SEED as a number, `random` for a new one, or the usual one. */
export function firstSeed(): number {
  const given = process.env['LATTICEPORT_DIFFERENTIAL_SEED'];
  if (given === undefined) return USUAL_SEED;
  return given === 'random' ? randomBytes(4).readUInt32BE() : Number(given);
}

/** What happens at one instant does not happen the same way every time: so often a sequence with pairs is tried again. */
const RETRIES = 4;

export async function runCampaign(target: Target, oracle: Oracle, options: CampaignOptions): Promise<Campaign> {
  const seed = firstSeed();
  const tally: Tally = { requests: 0, pairs: 0, givenUp: 0 };
  const found = new Map<string, { signature: string; count: number; text: string }>();
  const kinds = new Map<string, string>();
  let played = 0;
  while (played < options.runs && found.size < (options.maxKinds ?? 1)) {
    const sequence = makeSequence((seed + played) >>> 0, { hardlinks: target.hardlinks, pairs: options.pairs });
    played += 1;
    const failure = await play(sequence, target, oracle, { tally });
    if (failure === undefined) continue;
    const known = found.get(kinds.get(failure.signature) ?? failure.signature);
    if (known !== undefined) {
      known.count += 1;
      continue;
    }
    const small = await shrink({ sequence, failure }, (smaller) => playOften(smaller, target, oracle));
    const how = `With LATTICEPORT_DIFFERENTIAL_SEED=${sequence.seed} the first sequence is this one, whole, where pairs are ${options.pairs} of a hundred.`;
    const text = `${target.name}: ${small.failure.signature}\n${describeSequence(small.sequence, small.failure)}\n${how}`;
    // What seemed to be another kind may be a known one when it is small.
    const { signature } = small.failure;
    kinds.set(failure.signature, signature);
    const same = found.get(signature);
    if (same === undefined) found.set(signature, { signature, count: 1, text });
    else same.count += 1;
  }
  return { played, tally, failures: [...found.values()] };
}

async function playOften(sequence: Sequence, target: Target, oracle: Oracle): Promise<Failure | undefined> {
  const tries = sequence.steps.some(({ kind }) => kind !== 'call') ? RETRIES : 1;
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const failure = await play(sequence, target, oracle);
    if (failure !== undefined) return failure;
  }
  return undefined;
}
