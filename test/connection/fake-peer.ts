import type { ChannelHandler, ProgramChannel } from '../../src/connection/channel.ts';
import { Connection } from '../../src/connection/connection.ts';
import { HostKeyRotation } from '../../src/connection/host-key-rotation.ts';
import * as messages from '../../src/connection/messages.ts';
import { ReceiveWindows } from '../../src/connection/receive-windows.ts';

const { SSH_MSG_CONNECTION: NUMBER } = messages;
const NAMES = new Map<number, string>(Object.entries(NUMBER).map(([name, number]) => [number, name]));

/** A program that notes what it is told. */
export class FakeProgram implements ChannelHandler {
  readonly channel: ProgramChannel;
  readonly told: string[] = [];
  readonly data: Buffer[] = [];
  /** Called with each chunk, behind the note of it. */
  onChunk: (bytes: number) => void = () => undefined;

  constructor(channel: ProgramChannel) {
    this.channel = channel;
  }

  onData(chunk: Buffer): void {
    this.data.push(Buffer.from(chunk));
    this.onChunk(chunk.length);
  }
  onEof(): void {
    this.told.push('eof');
  }
  onDrain(): void {
    this.told.push('drain');
  }
  onClose(): void {
    this.told.push('close');
  }
}

export interface FakePeerOptions {
  readonly maxChannels?: number;
  readonly windows?: ReceiveWindows;
  /** Runs when a program is started, before anything else. */
  readonly onStart?: (program: FakeProgram) => void;
}

/** A connection without a transport: its other end is played by a test, message by message. The subsystem is `sftp`. */
export class FakePeer {
  readonly connection: Connection;
  /** Of the transport: whether more fits in. */
  writable = true;
  readonly programs: FakeProgram[] = [];
  readonly refused: string[] = [];
  unimplemented = 0;
  #sent: Buffer[] = [];

  constructor({ maxChannels = 3, windows = new ReceiveWindows(), onStart }: FakePeerOptions = {}) {
    const isWritable = (): boolean => this.writable;
    this.connection = new Connection({
      carrier: {
        get writable() {
          return isWritable();
        },
        send: (head, body = []) => {
          this.#sent.push(Buffer.concat([head, ...body]));
          return this.writable;
        },
      },
      maxChannels,
      windows,
      hostKeys: new HostKeyRotation({
        hostKeys: [],
        algorithms: [],
        negotiated: '',
        sessionId: Buffer.alloc(32),
        // One that is told of no keys.
        clientVersion: 'SSH-2.0-Cisco-1.25',
        onProved: () => undefined,
        onError: () => undefined,
      }),
      sendUnimplemented: () => {
        this.unimplemented += 1;
      },
      openSubsystem: (name) => {
        if (name !== 'sftp') return null;
        return (channel) => {
          const program = new FakeProgram(channel);
          this.programs.push(program);
          onStart?.(program);
          return program;
        };
      },
      onRefused: (what) => this.refused.push(what),
    });
  }

  /** What was sent since the last call. */
  take(): Buffer[] {
    return this.#sent.splice(0);
  }

  /** The names of the messages that were sent since the last call. */
  takeNames(): string[] {
    return this.take().map((payload) => NAMES.get(payload[0] ?? 0) ?? 'UNKNOWN');
  }

  /** The data that was sent since the last call, in its packets; nothing else may have been. */
  takeData(): Buffer[] {
    return this.take().map((payload) => {
      if (payload[0] !== NUMBER.CHANNEL_DATA) throw new Error(`message ${payload[0] ?? 0} instead of data`);
      return messages.decodeChannelData(payload).data;
    });
  }

  receive(payload: Buffer): void {
    this.connection.receive(payload[0] ?? 0, payload);
  }

  /** Asks for a channel; what comes back is left to `take`. */
  ask(open: Partial<messages.ChannelOpen> = {}): void {
    this.receive(
      messages.encodeChannelOpen({
        type: 'session',
        senderChannel: 7,
        initialWindowSize: 0x7fff_ffff,
        maximumPacketSize: 32_768,
        ...open,
      }),
    );
  }

  /** Opens a channel; answers its number. */
  open(open: Partial<messages.ChannelOpen> = {}): number {
    this.ask(open);
    const [answer = Buffer.alloc(0)] = this.take();
    if (answer[0] !== NUMBER.CHANNEL_OPEN_CONFIRMATION) throw new Error('not opened');
    return messages.decodeChannelOpenConfirmation(answer).senderChannel;
  }

  request(recipientChannel: number, type: string, data: Buffer = Buffer.alloc(0), { wantReply = true } = {}): void {
    this.receive(messages.encodeChannelRequest({ recipientChannel, type, wantReply, data }));
  }

  /** Starts the program on a channel. */
  start(channel: number): FakeProgram {
    this.request(channel, 'subsystem', messages.encodeSubsystemData('sftp'));
    const answers = this.takeNames();
    const program = this.programs.at(-1);
    if (answers[0] !== 'CHANNEL_SUCCESS' || program === undefined) throw new Error(`not started: ${answers.join()}`);
    return program;
  }

  /** Opens a channel with the program on it. */
  run(open: Partial<messages.ChannelOpen> = {}): { channel: number; program: FakeProgram } {
    const channel = this.open(open);
    return { channel, program: this.start(channel) };
  }

  data(recipientChannel: number, data: Buffer): void {
    this.receive(Buffer.concat([messages.encodeChannelDataHead(recipientChannel, data.length), data]));
  }

  extendedData(recipientChannel: number, data: Buffer): void {
    this.receive(messages.encodeChannelExtendedData({ recipientChannel, dataTypeCode: 1, data }));
  }

  adjust(recipientChannel: number, bytesToAdd: number): void {
    this.receive(messages.encodeChannelWindowAdjust({ recipientChannel, bytesToAdd }));
  }

  eof(channel: number): void {
    this.receive(messages.encodeChannelMessage(NUMBER.CHANNEL_EOF, channel));
  }

  close(channel: number): void {
    this.receive(messages.encodeChannelMessage(NUMBER.CHANNEL_CLOSE, channel));
  }

  global(name: string, { wantReply = true } = {}): void {
    this.receive(messages.encodeGlobalRequest({ name, wantReply, data: Buffer.alloc(0) }));
  }
}
