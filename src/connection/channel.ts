import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { SshWriter } from '../wire/writer.ts';
import { MAX_PACKETS_AT_ONCE, MAX_SEND_DATA_BYTES, MAX_WINDOW, TOP_UP_DIVISOR } from './limits.ts';
import { EXTENDED_DATA_STDERR, SSH_MSG_CONNECTION } from './messages.ts';
import type { Receiver, ReceiveWindows } from './receive-windows.ts';

/** What a channel needs of the transport. */
export interface ChannelCarrier {
  readonly writable: boolean;
  send(head: Buffer, body?: readonly Buffer[]): boolean;
}

/** Whoever uses a channel's data: told by the channel, never after `onClose`. */
export interface ChannelUser {
  onData(chunk: Buffer): void;
  /** The peer sends no more. */
  onEof(): void;
  /** `write` answered false before and would answer true now. */
  onDrain(): void;
  /** The channel is gone: closed by the peer, by us, or with the connection. */
  onClose(): void;
}

/** Stands where a program was refused: the channel is taken, and nobody listens. */
const NO_USER: ChannelUser = {
  onData: () => undefined,
  onEof: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
};

/** One open channel (RFC 4254 §5): windows both ways, and what is queued for the peer's window. */
export class Channel implements Receiver {
  readonly localId: number;
  readonly #remoteId: number;
  readonly #carrier: ChannelCarrier;
  readonly #maxData: number;
  readonly #windows: ReceiveWindows;
  #remoteWindow: number;
  /** What the peer may send still. */
  #localWindow: number;
  /** What the peer may send and has sent, less what was consumed: the window as it is topped up to. */
  #share: number;
  /** Since the last top-up. */
  #consumed = 0;
  #heldBytes = 0;
  /** Of the bytes held, those for which the peer may send as many more. */
  #unfinishedBytes = 0;
  #released = false;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #user: ChannelUser | null = null;
  #wantsDrain = false;
  #eofReceived = false;
  #closeReceived = false;
  #ending: 'no' | 'when-sent' | 'sent' = 'no';
  #exitStatus: number | null = null;
  #pumpScheduled = false;
  requests = 0;

  constructor(
    carrier: ChannelCarrier,
    windows: ReceiveWindows,
    localId: number,
    remote: { id: number; window: number; maxData: number },
  ) {
    this.#carrier = carrier;
    this.#windows = windows;
    this.#localWindow = windows.open(this);
    this.#share = this.#localWindow;
    this.localId = localId;
    this.#remoteId = remote.id;
    this.#remoteWindow = remote.window;
    this.#maxData = Math.min(remote.maxData, MAX_SEND_DATA_BYTES);
  }

  get remoteId(): number {
    return this.#remoteId;
  }

  /** Bytes that the peer may send before it hears of more. */
  get localWindow(): number {
    return this.#localWindow;
  }

  /** What the window would be now if the peer used it fully. */
  get windowShare(): number {
    return this.#windows.shareOf(this.#grantedBytes);
  }

  /** Bytes that came and that the user has not consumed. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether a user is attached: a session runs one program only (RFC 4254 §6.5). */
  get taken(): boolean {
    return this.#user !== null;
  }

  /** Both sides have closed. */
  get closed(): boolean {
    return this.#closeReceived && this.#ending === 'sent';
  }

  /** Nothing more is to be sent, since our program has ended: the peer may leave without closing it. */
  get ended(): boolean {
    return this.#ending === 'sent';
  }

  attach(user: ChannelUser): void {
    this.#user = user;
    if (this.#eofReceived) user.onEof();
  }

  /** Closes a channel that no program runs on, after a word to the person at the other end. */
  refuse(text: string): void {
    this.#user = NO_USER;
    this.writeStderr(text);
    this.close(1);
  }

  /** Sends bytes as the peer's window allows; they are given up and not copied. False: rather no more until drain. */
  write(chunks: readonly Buffer[]): boolean {
    if (this.#ending !== 'no') return false;
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#queue.push(chunk);
      this.#queuedBytes += chunk.length;
    }
    this.#pump();
    if (this.#queuedBytes === 0 && this.#carrier.writable) return true;
    this.#wantsDrain = true;
    return false;
  }

  /**
   * The user has dealt with `bytes` of what came: the peer may send as many more, or less or more, as the window's share
   * has changed. It grows by what was consumed and not faster: only who sends much gets a large one.
   */
  consume(bytes: number): void {
    if (this.#released) return;
    this.#heldBytes -= bytes;
    this.#consumed += bytes;
    this.#windows.settled(bytes);
    this.#topUp();
  }

  /**
   * The last `bytes` of what came are a part of something that the user can only deal with whole: until it says
   * otherwise the peer may send as many more. They stay held, so what comes behind it waits.
   */
  unfinished(bytes: number): void {
    if (this.#released) return;
    const isMore = bytes > this.#unfinishedBytes;
    this.#unfinishedBytes = bytes;
    if (isMore) this.#topUp();
  }

  /** Text for the person at the other end (stderr). Sent only as far as the window allows: it is short. */
  writeStderr(text: string): void {
    if (this.#ending !== 'no') return;
    const bytes = Buffer.from(text).subarray(0, Math.min(this.#maxData, this.#remoteWindow));
    if (bytes.length === 0) return;
    this.#remoteWindow -= bytes.length;
    this.#carrier.send(
      new SshWriter(64 + bytes.length)
        .byte(SSH_MSG_CONNECTION.CHANNEL_EXTENDED_DATA)
        .uint32(this.#remoteId)
        .uint32(EXTENDED_DATA_STDERR)
        .string(bytes)
        .finish(),
    );
  }

  /** Sends what is queued, then exit-status (RFC 4254 §6.10), EOF and CLOSE. */
  close(exitStatus: number | null): void {
    if (this.#ending !== 'no') return;
    this.#ending = 'when-sent';
    this.#exitStatus = exitStatus;
    this.#pump();
  }

  // --- told by the connection ---

  receiveData(data: Buffer): void {
    if (data.length > this.#localWindow) {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'channel data past the window');
    }
    if (this.#eofReceived || this.#closeReceived) {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'channel data after end of file');
    }
    this.#receive(data.length);
    if (this.#user !== null && this.#ending === 'no') this.#user.onData(data);
    else this.consume(data.length);
  }

  /** Extended data from a client means nothing to us; its bytes are given back to the window. */
  receiveExtendedData(bytes: number): void {
    if (bytes > this.#localWindow) {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'channel data past the window');
    }
    this.#receive(bytes);
    this.consume(bytes);
  }

  receiveWindowAdjust(bytes: number): void {
    // RFC 4254 §5.2 forbids more than 2^32 − 1; some clients add to a window that is full already.
    this.#remoteWindow = Math.min(this.#remoteWindow + bytes, MAX_WINDOW);
    this.#pump();
  }

  receiveEof(): void {
    if (this.#eofReceived) return;
    this.#eofReceived = true;
    this.#user?.onEof();
  }

  receiveClose(): void {
    if (this.#closeReceived) return;
    this.#closeReceived = true;
    this.#dropQueue();
    if (this.#ending !== 'sent') this.#sendClose(false);
    this.#release();
  }

  /** The transport can take more. */
  drained(): void {
    this.#pump();
  }

  /** The connection is gone. */
  lost(): void {
    this.#ending = 'sent';
    this.#closeReceived = true;
    this.#dropQueue();
    this.#release();
  }

  /** What the peer may send still, and what it has sent and was not dealt with. */
  get #grantedBytes(): number {
    return this.#localWindow + this.#heldBytes;
  }

  #topUp(): void {
    const waiting = this.#heldBytes - this.#unfinishedBytes;
    const due = Math.max(this.#consumed, this.#share - this.#localWindow - waiting);
    if (due < this.#share / TOP_UP_DIVISOR) return;
    if (this.#eofReceived || this.#closeReceived || this.#ending !== 'no') return;
    this.#windows.note(this);
    this.#share = Math.min(this.#share + this.#consumed, this.#windows.shareOf(this.#grantedBytes));
    this.#consumed = 0;
    const missing = this.#share - this.#localWindow - waiting;
    if (missing <= 0) return;
    this.#localWindow += missing;
    this.#windows.granted(missing);
    this.#carrier.send(
      new SshWriter(16).byte(SSH_MSG_CONNECTION.CHANNEL_WINDOW_ADJUST).uint32(this.#remoteId).uint32(missing).finish(),
    );
  }

  #receive(bytes: number): void {
    if (this.#heldBytes === 0) this.#windows.note(this);
    this.#localWindow -= bytes;
    this.#heldBytes += bytes;
  }

  #pump(): void {
    let sent = 0;
    while (this.#queuedBytes > 0 && this.#remoteWindow > 0 && this.#ending !== 'sent' && this.#carrier.writable) {
      if (sent >= MAX_PACKETS_AT_ONCE) {
        this.#pumpLater();
        return;
      }
      sent += 1;
      this.#sendData(this.#cut(Math.min(this.#queuedBytes, this.#remoteWindow, this.#maxData)));
    }
    if (this.#queuedBytes > 0) return;
    if (this.#ending === 'when-sent') {
      this.#sendClose(true);
      return;
    }
    if (this.#wantsDrain && this.#carrier.writable) {
      this.#wantsDrain = false;
      this.#user?.onDrain();
    }
  }

  /** A peer that takes only tiny packets must not keep the others waiting. */
  #pumpLater(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  /** Takes `bytes` from the queue's front without copying. */
  #cut(bytes: number): Buffer[] {
    const parts: Buffer[] = [];
    let wanted = bytes;
    let whole = 0;
    for (const chunk of this.#queue) {
      if (chunk.length > wanted) break;
      parts.push(chunk);
      wanted -= chunk.length;
      whole += 1;
      if (wanted === 0) break;
    }
    this.#queue.splice(0, whole);
    const first = this.#queue[0];
    if (wanted > 0 && first !== undefined) {
      parts.push(first.subarray(0, wanted));
      this.#queue[0] = first.subarray(wanted);
    }
    this.#queuedBytes -= bytes;
    this.#remoteWindow -= bytes;
    return parts;
  }

  #sendData(parts: Buffer[]): void {
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    const head = Buffer.allocUnsafe(9);
    head.writeUInt8(SSH_MSG_CONNECTION.CHANNEL_DATA, 0);
    head.writeUInt32BE(this.#remoteId, 1);
    head.writeUInt32BE(bytes, 5);
    this.#carrier.send(head, parts);
  }

  #sendClose(orderly: boolean): void {
    this.#ending = 'sent';
    if (orderly && !this.#closeReceived) {
      if (this.#exitStatus !== null) {
        this.#carrier.send(
          new SshWriter(32)
            .byte(SSH_MSG_CONNECTION.CHANNEL_REQUEST)
            .uint32(this.#remoteId)
            .string('exit-status')
            .boolean(false)
            .uint32(this.#exitStatus)
            .finish(),
        );
      }
      this.#carrier.send(new SshWriter(8).byte(SSH_MSG_CONNECTION.CHANNEL_EOF).uint32(this.#remoteId).finish());
    }
    this.#carrier.send(new SshWriter(8).byte(SSH_MSG_CONNECTION.CHANNEL_CLOSE).uint32(this.#remoteId).finish());
  }

  #dropQueue(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #release(): void {
    if (!this.#released) this.#windows.settled(this.#grantedBytes);
    this.#released = true;
    this.#windows.forget(this);
    const user = this.#user;
    this.#user = null;
    user?.onClose();
  }
}
