import type { StorePath } from '../object-store.ts';
import { parentOf } from '../store-path.ts';

interface Claim {
  readonly exclusive: boolean;
  /** Told when the claim is at the head of its lane. */
  readonly granted: () => void;
  isGranted: boolean;
}

/**
 * One lane for each path: what changes a name, or a file by its name, has the lane of that path for itself, and shares
 * those of the directories above it, so that no directory goes away or moves under it. Whoever asks first is first. All
 * lanes of one operation are entered at once, in one step, so that no two operations can wait for each other.
 */
export class PathLanes {
  readonly #lanes = new Map<StorePath, Claim[]>();

  /** Lanes that somebody is in or waits for. */
  get size(): number {
    return this.#lanes.size;
  }

  /**
   * Resolves when nothing else is at work on these paths, above them or (where they are directories) below them; the answer
   * leaves the lanes. Never rejects.
   */
  async enter(paths: readonly StorePath[]): Promise<() => void> {
    const wanted = lanesOf(paths);
    const claims: [StorePath, Claim][] = [];
    let missing = wanted.size;
    let start: () => void = () => undefined;
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const granted = (): void => {
      missing -= 1;
      if (missing === 0) start();
    };
    for (const [path, exclusive] of wanted) {
      const claim: Claim = { exclusive, granted, isGranted: false };
      claims.push([path, claim]);
      this.#join(path, claim);
    }
    await started;
    return () => {
      for (const [path, claim] of claims) this.#leave(path, claim);
    };
  }

  #join(path: StorePath, claim: Claim): void {
    let lane = this.#lanes.get(path);
    if (lane === undefined) {
      lane = [];
      this.#lanes.set(path, lane);
    }
    lane.push(claim);
    grant(lane);
  }

  #leave(path: StorePath, claim: Claim): void {
    const lane = this.#lanes.get(path);
    const index = lane?.indexOf(claim) ?? -1;
    if (lane === undefined || index === -1) return;
    lane.splice(index, 1);
    if (lane.length === 0) this.#lanes.delete(path);
    else grant(lane);
  }
}

/** The head of the lane goes; those behind it go with it as long as all of them share. */
function grant(lane: readonly Claim[]): void {
  for (const [index, claim] of lane.entries()) {
    if (claim.exclusive && index > 0) return;
    if (!claim.isGranted) {
      claim.isGranted = true;
      claim.granted();
    }
    if (claim.exclusive) return;
  }
}

/** The lanes of an operation on `paths`: whether each is for itself (the paths) or shared (what is above them). */
function lanesOf(paths: readonly StorePath[]): Map<StorePath, boolean> {
  const lanes = new Map<StorePath, boolean>();
  for (const path of paths) {
    for (let above = path; above !== '';) {
      above = parentOf(above);
      if (!lanes.has(above)) lanes.set(above, false);
    }
  }
  for (const path of paths) lanes.set(path, true);
  return lanes;
}
