import { DEFAULT_RECEIVE_BYTES, MAX_FIRST_WINDOW_BYTES, MAX_WINDOW_BYTES, MIN_WINDOW_BYTES } from './limits.ts';

/** A channel, as far as its share depends on it. */
export interface Receiver {
  /** Bytes that came and that its user has not dealt with. */
  readonly heldBytes: number;
}

/** Who has received nothing for so long, and holds nothing, leaves its share to the others. Milliseconds. */
const ACTIVE_MS = 10_000;
const PRUNE_MS = 1_000;

/**
 * How much the peers of all channels of this process may send ahead. The channels that are receiving share it equally:
 * one transfer over a long way has a large window, and hundreds that wait for a slow store hold little each. A window
 * that was granted cannot be taken back (RFC 4254 §5.2), so a share that has become smaller is reached as what was sent
 * is dealt with.
 */
export class ReceiveWindows {
  readonly #totalBytes: number;
  readonly #now: () => number;
  /** When each was heard of last. */
  readonly #active = new Map<Receiver, number>();
  #prunedAt = 0;

  /** Every channel may have MIN_WINDOW_BYTES beyond `totalBytes`. */
  constructor(totalBytes: number = DEFAULT_RECEIVE_BYTES, now: () => number = () => performance.now()) {
    this.#totalBytes = totalBytes;
    this.#now = now;
  }

  /** The window that the next channel is opened with: a part of its share, since many may be opened before any is used. */
  get first(): number {
    const share = Math.floor(this.#totalBytes / (this.#active.size + 1) / 4);
    return Math.max(MIN_WINDOW_BYTES, Math.min(MAX_FIRST_WINDOW_BYTES, share));
  }

  /** `receiver` is receiving. */
  note(receiver: Receiver): void {
    const now = this.#now();
    this.#active.set(receiver, now);
    if (now - this.#prunedAt < PRUNE_MS) return;
    this.#prunedAt = now;
    for (const [other, heardAt] of this.#active) {
      if (other.heldBytes === 0 && now - heardAt > ACTIVE_MS) this.#active.delete(other);
    }
  }

  /** `receiver` is gone. */
  forget(receiver: Receiver): void {
    this.#active.delete(receiver);
  }

  /** The window that a receiving channel may have now, with what it holds. Bytes. */
  get share(): number {
    const share = Math.floor(this.#totalBytes / Math.max(1, this.#active.size));
    return Math.max(MIN_WINDOW_BYTES, Math.min(MAX_WINDOW_BYTES, share));
  }
}
