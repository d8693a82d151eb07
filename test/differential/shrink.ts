// Makes a failing sequence as small as it gets: the steps that are not needed, then the pairs that need not be at one instant.
import type { Failure } from './play.ts';
import type { Step } from './request.ts';
import type { Sequence } from './sequence.ts';

export interface Shrunk {
  readonly sequence: Sequence;
  readonly failure: Failure;
}

/**
 * `fails` plays a sequence as often as it takes to see whether it fails. The smaller one must fail in the same way, or
 * without two requests at one instant where that had some.
 */
export async function shrink(
  failing: Shrunk,
  fails: (sequence: Sequence) => Promise<Failure | undefined>,
  maxTries = 400,
): Promise<Shrunk> {
  let best = { ...failing, sequence: upTo(failing.sequence, failing.failure.step) };
  let tries = 0;
  const attempt = async (sequence: Sequence, anyKind = false): Promise<boolean> => {
    if (tries >= maxTries) return false;
    tries += 1;
    const failure = await fails(sequence);
    if (failure === undefined || (!anyKind && failure.signature !== best.failure.signature)) return false;
    best = { sequence: upTo(sequence, failure.step), failure };
    return true;
  };
  if (!(await attempt(best.sequence))) best = failing;

  // Without a file a step may not be needed any more.
  for (let before = Infinity; sizeOf(best.sequence) < before;) {
    before = sizeOf(best.sequence);
    for (let size = Math.ceil(best.sequence.steps.length / 2); size >= 1;) {
      let removed = false;
      for (let start = best.sequence.steps.length - size; start > -size; start -= size) {
        const { steps } = best.sequence;
        const kept = [...steps.slice(0, Math.max(0, start)), ...steps.slice(Math.max(0, start) + size)];
        if (kept.length < steps.length && (await attempt({ ...best.sequence, steps: kept }))) removed = true;
      }
      if (!removed || size > 1) size = size === 1 ? 0 : Math.ceil(size / 2);
    }
    for (let index = 0; index < best.sequence.steps.length; index += 1) {
      const step = best.sequence.steps[index];
      if (step?.kind !== 'pair') continue;
      const [first, second] = step.calls;
      for (const calls of [[first], [second], [first, second], [second, first]]) {
        const simpler = calls.map((call): Step => ({ kind: 'call', ...call }));
        if (await attempt({ ...best.sequence, steps: best.sequence.steps.toSpliced(index, 1, ...simpler) }, true))
          break;
      }
    }
    for (const file of best.sequence.tree.files) {
      const { tree } = best.sequence;
      const files = tree.files.filter((each) => each !== file);
      await attempt({ ...best.sequence, tree: { ...tree, files } });
    }
  }
  return best;
}

function upTo(sequence: Sequence, step: number): Sequence {
  return { ...sequence, steps: sequence.steps.slice(0, step + 1) };
}

function sizeOf({ steps, tree }: Sequence): number {
  return steps.length + tree.files.length + steps.filter(({ kind }) => kind === 'pair').length;
}
