import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { GrantedWindow } from './granted-window.ts';
import { MAX_CHANNEL_REQUESTS, MAX_PACKETS_AT_ONCE, MAX_SEND_DATA_BYTES, MAX_WINDOW } from './limits.ts';
import type { ChannelOpen } from './messages.ts';
import {
  encodeChannelDataHead,
  encodeChannelExtendedData,
  encodeChannelMessage,
  encodeChannelRequest,
  encodeChannelWindowAdjust,
  encodeExitStatusData,
  EXTENDED_DATA_STDERR,
  SSH_MSG_CONNECTION,
} from './messages.ts';
import type { ReceiveWindows } from './receive-windows.ts';
import { SendQueue } from './send-queue.ts';

/** What a channel needs of the transport. */
export interface ChannelCarrier {
  readonly writable: boolean;
  send(head: Buffer, body?: readonly Buffer[]): boolean;
}

/** The program's ear: told by the channel, never after `onClose`. */
export interface ChannelHandler {
  onData(chunk: Buffer): void;
  /** The peer sends no more. */
  onEof(): void;
  /** `write` answered false before and would answer true now. */
  onDrain(): void;
  /** The channel is gone: closed by the peer, by us, or with the connection. */
  onClose(): void;
}

/** The program's mouth: what it may do with its channel. After the end of the channel nothing of it has an effect. */
export interface ProgramChannel {
  /** What the window would be now if the peer used it fully. Bytes. */
  readonly windowShare: number;
  /** Sends bytes as the peer's window allows; they are given up and not copied. False: rather no more until drain. */
  write(chunks: readonly Buffer[]): boolean;
  /** The program has dealt with `bytes` of what came: the peer may send as many more, or as its share has changed. */
  consume(bytes: number): void;
  /**
   * The last `bytes` of what came are a part of something that the program can only deal with whole: until it says
   * otherwise the peer may send as many more. They stay held, so what comes behind it waits.
   */
  unfinished(bytes: number): void;
  /** Text for the person at the other end (stderr). Sent only as far as the window allows: it is short. */
  writeStderr(text: string): void;
  /** Sends what is queued, then exit-status (RFC 4254 §6.10) unless it is null, EOF and CLOSE. */
  close(exitStatus: number | null): void;
}

/** Starts a program on a channel. */
export type ChannelProgram = (channel: ProgramChannel) => ChannelHandler;

/** Stands where a program was refused: the channel is taken, and nobody listens. */
const NOBODY: ChannelHandler = {
  onData: () => undefined,
  onEof: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
};

interface Program {
  handler: ChannelHandler;
  wantsDrain: boolean;
}

/** How far the channel is, on our side. The peer may have sent its EOF in any of these states; its CLOSE is the last. */
type State =
  /** No program runs yet. */
  | { readonly name: 'idle' }
  | { readonly name: 'running'; readonly program: Program }
  /** The program has ended, and what it has written is still being sent. */
  | { readonly name: 'closing'; readonly program: Program; readonly exitStatus: number | null }
  /** We have sent our CLOSE, and the peer has not sent its own. */
  | { readonly name: 'close-sent'; readonly program: Program }
  | { readonly name: 'closed' };

/** One open channel (RFC 4254 §5): windows both ways, and the order of what is said. */
export class Channel implements ProgramChannel {
  readonly localId: number;
  readonly remoteId: number;
  readonly #carrier: ChannelCarrier;
  readonly #maxData: number;
  readonly #window: GrantedWindow;
  readonly #queue = new SendQueue();
  /** Bytes that we may send still. */
  #remoteWindow: number;
  #state: State = { name: 'idle' };
  #eofReceived = false;
  #pumpScheduled = false;
  #requests = 0;

  constructor(carrier: ChannelCarrier, windows: ReceiveWindows, localId: number, open: Omit<ChannelOpen, 'type'>) {
    this.#carrier = carrier;
    this.#window = new GrantedWindow(windows);
    this.localId = localId;
    this.remoteId = open.senderChannel;
    this.#remoteWindow = open.initialWindowSize;
    this.#maxData = Math.min(open.maximumPacketSize, MAX_SEND_DATA_BYTES);
  }

  /** Bytes that the peer may send before it hears of more. */
  get localWindow(): number {
    return this.#window.left;
  }

  get windowShare(): number {
    return this.#window.share;
  }

  /** Whether a program may be started: a session runs one only (RFC 4254 §6.5). */
  get idle(): boolean {
    return this.#state.name === 'idle';
  }

  /** Nothing more is to be sent, since our program has ended: the peer may leave without closing it. */
  get ended(): boolean {
    return this.#state.name === 'close-sent' || this.#state.name === 'closed';
  }

  /** Runs `start` on the channel, which must be idle. */
  start(start: ChannelProgram): void {
    if (this.#state.name !== 'idle') throw new Error('a channel runs one program');
    const program: Program = { handler: NOBODY, wantsDrain: false };
    this.#state = { name: 'running', program };
    program.handler = start(this);
    if (this.#eofReceived) program.handler.onEof();
    // The connection may have been lost in what the program sent at its start.
    if (this.#closed) program.handler.onClose();
  }

  /** Closes an idle channel that no program is to run on, after a word to the person at the other end. */
  refuse(text: string): void {
    this.start(() => NOBODY);
    this.writeStderr(text);
    this.close(1);
  }

  write(chunks: readonly Buffer[]): boolean {
    const state = this.#state;
    if (state.name !== 'running') return false;
    this.#queue.push(chunks);
    this.#pump();
    if (this.#queue.bytes === 0 && this.#carrier.writable) return true;
    state.program.wantsDrain = true;
    return false;
  }

  consume(bytes: number): void {
    if (this.#state.name === 'closed') return;
    this.#window.consume(bytes);
    this.#topUp();
  }

  unfinished(bytes: number): void {
    if (this.#state.name === 'closed') return;
    if (this.#window.unfinished(bytes)) this.#topUp();
  }

  writeStderr(text: string): void {
    if (this.#state.name !== 'running') return;
    const data = Buffer.from(text).subarray(0, Math.min(this.#maxData, this.#remoteWindow));
    if (data.length === 0) return;
    this.#remoteWindow -= data.length;
    this.#carrier.send(
      encodeChannelExtendedData({ recipientChannel: this.remoteId, dataTypeCode: EXTENDED_DATA_STDERR, data }),
    );
  }

  close(exitStatus: number | null): void {
    if (this.#state.name !== 'running') return;
    this.#state = { name: 'closing', program: this.#state.program, exitStatus };
    this.#pump();
  }

  // --- told by the connection ---

  /** Throws SshDisconnect past the window and after the peer's EOF. */
  receiveData(data: Buffer): void {
    const state = this.#state;
    if (this.#eofReceived || state.name === 'closed') {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'channel data after end of file');
    }
    this.#window.receive(data.length);
    if (state.name === 'running') state.program.handler.onData(data);
    else this.consume(data.length);
  }

  /** Extended data from a client means nothing to us; its bytes are given back to the window. Throws as `receiveData`. */
  receiveExtendedData(bytes: number): void {
    this.#window.receive(bytes);
    this.consume(bytes);
  }

  receiveWindowAdjust(bytes: number): void {
    // RFC 4254 §5.2 forbids more than 2^32 − 1; some clients add to a window that is full already.
    this.#remoteWindow = Math.min(this.#remoteWindow + bytes, MAX_WINDOW);
    this.#pump();
  }

  /** Throws SshDisconnect when a client makes more requests than any needs. */
  receiveRequest(): void {
    this.#requests += 1;
    if (this.#requests > MAX_CHANNEL_REQUESTS) {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'too many channel requests');
    }
  }

  receiveEof(): void {
    if (this.#eofReceived) return;
    this.#eofReceived = true;
    if (this.#state.name !== 'idle' && this.#state.name !== 'closed') this.#state.program.handler.onEof();
  }

  receiveClose(): void {
    this.#queue.clear();
    if (!this.ended) this.#send(SSH_MSG_CONNECTION.CHANNEL_CLOSE);
    this.#end();
  }

  /** The transport can take more. */
  drained(): void {
    this.#pump();
  }

  /** The connection is gone. */
  lost(): void {
    this.#end();
  }

  get #closed(): boolean {
    return this.#state.name === 'closed';
  }

  /** Neither who has said that it sends no more nor who is not listened to needs a larger window. */
  #topUp(): void {
    if (this.#eofReceived || (this.#state.name !== 'running' && this.#state.name !== 'idle')) return;
    const bytesToAdd = this.#window.topUp();
    if (bytesToAdd === 0) return;
    this.#carrier.send(encodeChannelWindowAdjust({ recipientChannel: this.remoteId, bytesToAdd }));
  }

  #pump(): void {
    let sent = 0;
    while (this.#queue.bytes > 0 && this.#remoteWindow > 0 && this.#carrier.writable) {
      if (sent >= MAX_PACKETS_AT_ONCE) {
        this.#pumpLater();
        return;
      }
      sent += 1;
      const bytes = Math.min(this.#queue.bytes, this.#remoteWindow, this.#maxData);
      this.#remoteWindow -= bytes;
      this.#carrier.send(encodeChannelDataHead(this.remoteId, bytes), this.#queue.take(bytes));
    }
    if (this.#queue.bytes > 0) return;
    const state = this.#state;
    if (state.name === 'closing') this.#sendEnd(state.program, state.exitStatus);
    else if (state.name === 'running' && state.program.wantsDrain && this.#carrier.writable) {
      state.program.wantsDrain = false;
      state.program.handler.onDrain();
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

  #sendEnd(program: Program, exitStatus: number | null): void {
    this.#state = { name: 'close-sent', program };
    if (exitStatus !== null) {
      this.#carrier.send(
        encodeChannelRequest({
          recipientChannel: this.remoteId,
          type: 'exit-status',
          wantReply: false,
          data: encodeExitStatusData(exitStatus),
        }),
      );
    }
    this.#send(SSH_MSG_CONNECTION.CHANNEL_EOF);
    this.#send(SSH_MSG_CONNECTION.CHANNEL_CLOSE);
  }

  #send(message: typeof SSH_MSG_CONNECTION.CHANNEL_EOF | typeof SSH_MSG_CONNECTION.CHANNEL_CLOSE): void {
    this.#carrier.send(encodeChannelMessage(message, this.remoteId));
  }

  /** Both sides are done. */
  #end(): void {
    const state = this.#state;
    if (state.name === 'closed') return;
    this.#state = { name: 'closed' };
    this.#queue.clear();
    this.#window.release();
    if (state.name !== 'idle') state.program.handler.onClose();
  }
}
