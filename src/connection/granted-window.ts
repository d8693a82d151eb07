import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { TOP_UP_DIVISOR } from './limits.ts';
import type { Receiver, ReceiveWindows } from './receive-windows.ts';

/** How much the peer of one channel may send (RFC 4254 §5.2), as its share of what the process takes changes. Bytes. */
export class GrantedWindow implements Receiver {
  readonly #windows: ReceiveWindows;
  /** What the peer may send still. */
  #left: number;
  /** What the peer may send and has sent, less what was consumed: the window as it is topped up to. */
  #share: number;
  /** Since the last top-up. */
  #consumed = 0;
  #heldBytes = 0;
  /** Of the bytes held, those for which the peer may send as many more. */
  #unfinishedBytes = 0;

  constructor(windows: ReceiveWindows) {
    this.#windows = windows;
    this.#left = windows.open(this);
    this.#share = this.#left;
  }

  /** Bytes that the peer may send before it hears of more. */
  get left(): number {
    return this.#left;
  }

  /** Bytes that came and were not consumed. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** What the window would be now if the peer used it fully. */
  get share(): number {
    return this.#windows.shareOf(this.#grantedBytes);
  }

  /** The peer has sent `bytes`. Throws SshDisconnect where it may not. */
  receive(bytes: number): void {
    if (bytes > this.#left) {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'channel data past the window');
    }
    if (this.#heldBytes === 0) this.#windows.note(this);
    this.#left -= bytes;
    this.#heldBytes += bytes;
  }

  /** `bytes` of those held were dealt with. */
  consume(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#consumed += bytes;
    this.#windows.settled(bytes);
  }

  /** The last `bytes` of those held wait for more behind them. True where these are more than before. */
  unfinished(bytes: number): boolean {
    const isMore = bytes > this.#unfinishedBytes;
    this.#unfinishedBytes = bytes;
    return isMore;
  }

  /**
   * Grants the peer what it is due, and answers it: 0 while it is too little to be told of. The window grows by what was
   * consumed and not faster, so that only who sends much gets a large one.
   */
  topUp(): number {
    const waiting = this.#heldBytes - this.#unfinishedBytes;
    const due = Math.max(this.#consumed, this.#share - this.#left - waiting);
    if (due < this.#share / TOP_UP_DIVISOR) return 0;
    this.#windows.note(this);
    this.#share = Math.min(this.#share + this.#consumed, this.share);
    this.#consumed = 0;
    const missing = this.#share - this.#left - waiting;
    if (missing <= 0) return 0;
    this.#left += missing;
    this.#windows.granted(missing);
    return missing;
  }

  /** Nothing more comes, and what is held is nobody's: called once, and nothing else after it. */
  release(): void {
    this.#windows.settled(this.#grantedBytes);
    this.#windows.forget(this);
  }

  /** What the peer may send still, and what it has sent and was not dealt with. */
  get #grantedBytes(): number {
    return this.#left + this.#heldBytes;
  }
}
