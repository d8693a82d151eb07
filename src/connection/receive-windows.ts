import { DEFAULT_RECEIVE_BYTES, MAX_FIRST_WINDOW_BYTES, MAX_WINDOW_BYTES, MIN_WINDOW_BYTES } from './limits.ts';

/** A channel, as far as its share depends on it. */
export interface Receiver {
  /** Bytes that came and that its user has not dealt with. */
  readonly heldBytes: number;
}

/** A channel that has received nothing for so long, and holds nothing, leaves its share to the others. Milliseconds. */
const ACTIVE_MS = 10_000;
const PRUNE_MS = 1_000;

/**
 * The most that all windows together may be, as a multiple of the bytes shared. A peer that has sent much and is silent
 * keeps a large window. All such peers could send at once.
 */
export const MAX_GRANTED_FACTOR = 4;

/** When half of a bound is granted, one channel may have this part of what is left. So later channels find some too. */
const SCARCE_DIVISOR = 32;

/**
 * How much the peers of all channels of this process may send ahead.
 *
 * The channels that are receiving share `totalBytes` equally. One transfer over a long way gets a large window. Hundreds
 * of transfers that wait for a slow store get a small one each.
 *
 * A window that was granted cannot be taken back (RFC 4254 §5.2). A channel whose share shrinks reaches the new share as
 * its user deals with what the peer has sent. Windows of silent channels count as granted, so there are three bounds:
 * - all windows together are at most MAX_GRANTED_FACTOR times `totalBytes`;
 * - the windows that channels are opened with are at most `totalBytes` together;
 * - the second half of either bound is given out in ever smaller parts.
 * Beside these bounds each channel may have the least window.
 *
 * So channels that were opened and left take nothing from the active ones. Many channels that fall silent after large
 * transfers can use a bound up. Then every other channel gets the least window, until some of those close or send again.
 */
export class ReceiveWindows {
  /** What all channels share. */
  readonly totalBytes: number;
  readonly #now: () => number;
  /** When each was heard of last. */
  readonly #active = new Map<Receiver, number>();
  #prunedAt = 0;
  #grantedBytes = 0;

  /** Every channel may have MIN_WINDOW_BYTES beyond `totalBytes`. */
  constructor(totalBytes: number = DEFAULT_RECEIVE_BYTES, now: () => number = () => performance.now()) {
    this.totalBytes = totalBytes;
    this.#now = now;
  }

  /** What the peers of all channels may send or have sent, less what was dealt with. Bytes. */
  get grantedBytes(): number {
    return this.#grantedBytes;
  }

  /**
   * Grants the window that `receiver` is opened with, and answers it: a part of its share, since many may be opened
   * before any is used.
   */
  open(receiver: Receiver): number {
    const share = this.totalBytes / (this.#active.size + 1) / 4;
    const left = this.totalBytes - this.#grantedBytes;
    const bytes = windowOf(share, left, this.totalBytes, MAX_FIRST_WINDOW_BYTES);
    this.granted(bytes);
    this.note(receiver);
    return bytes;
  }

  /** A peer may send so many bytes more. */
  granted(bytes: number): void {
    this.#grantedBytes += bytes;
  }

  /** So many of the bytes granted were dealt with, or will never come. */
  settled(bytes: number): void {
    this.#grantedBytes -= bytes;
  }

  /** Bytes that came over all channels and wait to be dealt with. */
  get heldBytes(): number {
    let held = 0;
    for (const { heldBytes } of this.#active.keys()) held += heldBytes;
    return held;
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

  /** The window that a receiving channel may have now, with what it holds, where `own` bytes are granted to it. Bytes. */
  shareOf(own: number): number {
    const share = this.totalBytes / Math.max(1, this.#active.size);
    const most = MAX_GRANTED_FACTOR * this.totalBytes;
    return windowOf(share, most - (this.#grantedBytes - own), most, MAX_WINDOW_BYTES);
  }
}

/** `share`, less where of the `most` that may be granted not half is `left`, from the least window to `largest`. Bytes. */
function windowOf(share: number, left: number, most: number, largest: number): number {
  const bound = left >= most / 2 ? share : Math.min(share, left / SCARCE_DIVISOR);
  return Math.floor(Math.max(MIN_WINDOW_BYTES, Math.min(largest, bound)));
}
