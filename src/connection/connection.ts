import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import type { ChannelCarrier, ChannelProgram } from './channel.ts';
import { Channel } from './channel.ts';
import type { HostKeyRotation } from './host-key-rotation.ts';
import { MAX_DATA_BYTES, MAX_WAITING_ANSWERS, MIN_SEND_DATA_BYTES } from './limits.ts';
import type { ChannelOpen, ChannelOpenFailure, ChannelRequest, GlobalRequest } from './messages.ts';
import {
  decodeChannelData,
  decodeChannelExtendedData,
  decodeChannelMessage,
  decodeChannelOpen,
  decodeChannelRequest,
  decodeChannelWindowAdjust,
  decodeExecData,
  decodeGlobalRequest,
  decodeSubsystemData,
  encodeChannelMessage,
  encodeChannelOpenConfirmation,
  encodeChannelOpenFailure,
  encodeGlobalRequest,
  encodeRequestFailure,
  HOSTKEYS_PROVE,
  OPEN_FAILURE,
  SSH_MSG_CONNECTION,
} from './messages.ts';
import type { ReceiveWindows } from './receive-windows.ts';

export interface ConnectionOptions {
  readonly carrier: ChannelCarrier;
  readonly maxChannels: number;
  /** Shared by all connections of the process. */
  readonly windows: ReceiveWindows;
  readonly hostKeys: HostKeyRotation;
  /** Says that the message is unknown (SSH_MSG_UNIMPLEMENTED). */
  sendUnimplemented(): void;
  /** What runs on a channel that asks for it, or null when there is no such subsystem. */
  openSubsystem(name: string): ChannelProgram | null;
  /** Told of requests that are refused, for the log: 'exec scp -t /x', 'shell', 'direct-tcpip'. */
  onRefused(what: string): void;
}

/** What `exec` and `shell` are told. */
const SFTP_ONLY = 'This service allows SFTP connections only.\r\n';

/** The server's side of RFC 4254: session channels that run one subsystem each. Nothing else is offered. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #channels = new Map<number, Channel>();
  #nextId = 0;
  #noMoreSessions = false;
  /** Answers to global requests that wait for one before them; null: that one. */
  readonly #answers: { answer: Buffer | null }[] = [];
  /** Keep-alives that have not been answered. */
  unansweredKeepalives = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const announcement = options.hostKeys.announcement();
    if (announcement !== null) options.carrier.send(announcement);
  }

  /** Channels have been open, and all of them are closed or on our side at their end. */
  get finished(): boolean {
    return this.#nextId > 0 && [...this.#channels.values()].every((channel) => channel.ended);
  }

  /** Throws WireError or SshDisconnect. */
  receive(message: number, payload: Buffer): void {
    switch (message) {
      case SSH_MSG_CONNECTION.CHANNEL_DATA: {
        const { recipientChannel, data } = decodeChannelData(payload);
        this.#channel(recipientChannel)?.receiveData(data);
        return;
      }
      case SSH_MSG_CONNECTION.CHANNEL_WINDOW_ADJUST: {
        const { recipientChannel, bytesToAdd } = decodeChannelWindowAdjust(payload);
        this.#channel(recipientChannel)?.receiveWindowAdjust(bytesToAdd);
        return;
      }
      case SSH_MSG_CONNECTION.CHANNEL_OPEN:
        this.#open(decodeChannelOpen(payload));
        return;
      case SSH_MSG_CONNECTION.CHANNEL_REQUEST:
        this.#channelRequest(decodeChannelRequest(payload));
        return;
      case SSH_MSG_CONNECTION.CHANNEL_EOF:
        this.#channel(decodeChannelMessage(payload))?.receiveEof();
        return;
      case SSH_MSG_CONNECTION.CHANNEL_CLOSE: {
        const channel = this.#channel(decodeChannelMessage(payload));
        channel?.receiveClose();
        if (channel !== null) this.#channels.delete(channel.localId);
        return;
      }
      case SSH_MSG_CONNECTION.CHANNEL_EXTENDED_DATA: {
        const { recipientChannel, data } = decodeChannelExtendedData(payload);
        this.#channel(recipientChannel)?.receiveExtendedData(data.length);
        return;
      }
      case SSH_MSG_CONNECTION.GLOBAL_REQUEST:
        this.#globalRequest(decodeGlobalRequest(payload));
        return;
      case SSH_MSG_CONNECTION.REQUEST_SUCCESS:
      case SSH_MSG_CONNECTION.REQUEST_FAILURE:
        this.unansweredKeepalives = 0;
        return;
      case SSH_MSG_CONNECTION.CHANNEL_SUCCESS:
      case SSH_MSG_CONNECTION.CHANNEL_FAILURE:
        // Answers to requests that we never make.
        return;
      default:
        this.#options.sendUnimplemented();
    }
  }

  /** No more channels from here on. */
  refuseNew(): void {
    this.#noMoreSessions = true;
  }

  drained(): void {
    for (const channel of this.#channels.values()) channel.drained();
  }

  lost(): void {
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    for (const channel of channels) channel.lost();
  }

  /** A request that every peer must answer, if only with "no" (OpenSSH's keepalive@openssh.com). */
  sendKeepalive(): void {
    this.unansweredKeepalives += 1;
    this.#options.carrier.send(
      encodeGlobalRequest({ name: 'keepalive@openssh.com', wantReply: true, data: Buffer.alloc(0) }),
    );
  }

  /** null for a channel that we have just closed ourselves: its last messages may still be on their way. */
  #channel(id: number): Channel | null {
    const channel = this.#channels.get(id);
    if (channel !== undefined) return channel;
    if (id < this.#nextId) return null;
    throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'message for a channel that was never open');
  }

  #open(open: ChannelOpen): void {
    const refusal = this.#refusalOf(open);
    if (refusal !== null) {
      this.#options.onRefused(`channel ${open.type}: ${refusal.description}`);
      this.#options.carrier.send(encodeChannelOpenFailure({ recipientChannel: open.senderChannel, ...refusal }));
      return;
    }
    const channel = new Channel(this.#options.carrier, this.#options.windows, this.#nextId, open);
    this.#nextId += 1;
    this.#channels.set(channel.localId, channel);
    this.#options.carrier.send(
      encodeChannelOpenConfirmation({
        recipientChannel: channel.remoteId,
        senderChannel: channel.localId,
        initialWindowSize: channel.localWindow,
        maximumPacketSize: MAX_DATA_BYTES,
      }),
    );
  }

  /** Why a channel is not opened, or null. */
  #refusalOf({ type, maximumPacketSize }: ChannelOpen): Omit<ChannelOpenFailure, 'recipientChannel'> | null {
    if (type !== 'session') {
      return {
        reasonCode: OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED,
        description: 'only session channels are allowed',
      };
    }
    if (this.#noMoreSessions) {
      return { reasonCode: OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED, description: 'no more sessions were asked for' };
    }
    if (this.#channels.size >= this.#options.maxChannels) {
      return { reasonCode: OPEN_FAILURE.RESOURCE_SHORTAGE, description: 'too many sessions on this connection' };
    }
    if (maximumPacketSize < MIN_SEND_DATA_BYTES) {
      return {
        reasonCode: OPEN_FAILURE.CONNECT_FAILED,
        description: `a maximum packet size under ${MIN_SEND_DATA_BYTES} bytes is too small`,
      };
    }
    return null;
  }

  #channelRequest({ recipientChannel, type, wantReply, data }: ChannelRequest): void {
    const channel = this.#channel(recipientChannel);
    if (channel === null) return;
    channel.receiveRequest();
    const reply = (message: 'CHANNEL_SUCCESS' | 'CHANNEL_FAILURE'): void => {
      if (wantReply) this.#options.carrier.send(encodeChannelMessage(SSH_MSG_CONNECTION[message], channel.remoteId));
    };
    switch (type) {
      case 'subsystem': {
        const name = decodeSubsystemData(data);
        const program = channel.idle ? this.#options.openSubsystem(name) : null;
        if (program === null) {
          this.#options.onRefused(`subsystem ${name}`);
          reply('CHANNEL_FAILURE');
          return;
        }
        // What the program says comes behind the answer.
        reply('CHANNEL_SUCCESS');
        channel.start(program);
        return;
      }
      case 'shell':
      case 'exec':
        if (!channel.idle) {
          reply('CHANNEL_FAILURE');
          return;
        }
        this.#options.onRefused(type === 'exec' ? `exec ${decodeExecData(data).toString('utf8')}` : type);
        // A bare failure would leave the person without a reason: a program that says it and ends is clearer.
        reply('CHANNEL_SUCCESS');
        channel.refuse(SFTP_ONLY);
        return;
      default:
        // `env` is among them: not used, and not worth an error. OpenSSH sends LANG.
        reply('CHANNEL_FAILURE');
    }
  }

  #globalRequest({ name, wantReply, data }: GlobalRequest): void {
    if (name === 'no-more-sessions@openssh.com') this.#noMoreSessions = true;
    else if (name === 'tcpip-forward' || name === 'streamlocal-forward@openssh.com') this.#options.onRefused(name);
    if (!wantReply) return;
    this.#answerInTurn(name === HOSTKEYS_PROVE ? this.#options.hostKeys.prove(data) : encodeRequestFailure());
  }

  /** RFC 4254 §4: answers name no request, so that they must leave in the order of the requests. */
  #answerInTurn(answer: Buffer | Promise<Buffer>): void {
    if (this.#answers.length >= MAX_WAITING_ANSWERS) {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'too many global requests at once');
    }
    const slot: { answer: Buffer | null } = { answer: Buffer.isBuffer(answer) ? answer : null };
    this.#answers.push(slot);
    if (Buffer.isBuffer(answer)) this.#sendAnswers();
    else {
      void answer.then((made) => {
        slot.answer = made;
        this.#sendAnswers();
      });
    }
  }

  #sendAnswers(): void {
    for (let first = this.#answers[0]; first !== undefined && first.answer !== null; first = this.#answers[0]) {
      this.#answers.shift();
      this.#options.carrier.send(first.answer);
    }
  }
}
