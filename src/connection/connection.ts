import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import type { ChannelCarrier, ChannelUser } from './channel.ts';
import { Channel } from './channel.ts';
import type { HostKeyRotation } from './host-key-rotation.ts';
import { HOSTKEYS_PROVE } from './host-key-rotation.ts';
import { MAX_CHANNEL_REQUESTS, MAX_DATA_BYTES, MAX_WAITING_ANSWERS, MIN_SEND_DATA_BYTES } from './limits.ts';
import { OPEN_FAILURE, SSH_MSG_CONNECTION } from './messages.ts';
import type { ReceiveWindows } from './receive-windows.ts';

export interface ConnectionOptions {
  readonly carrier: ChannelCarrier;
  readonly maxChannels: number;
  /** Shared by all connections of the process. */
  readonly windows: ReceiveWindows;
  readonly hostKeys: HostKeyRotation;
  /** Says that the message is unknown (SSH_MSG_UNIMPLEMENTED). */
  sendUnimplemented(): void;
  /** A user for the channel, or null when there is no such subsystem. */
  openSubsystem(name: string, channel: Channel): ChannelUser | null;
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

  get openChannels(): number {
    return this.#channels.size;
  }

  /** Channels have been open, and all of them are closed or on our side at their end. */
  get finished(): boolean {
    return this.#nextId > 0 && [...this.#channels.values()].every((channel) => channel.ended);
  }

  /** Throws WireError or SshDisconnect. */
  receive(message: number, payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    switch (message) {
      case SSH_MSG_CONNECTION.CHANNEL_DATA: {
        const channel = this.#channel(reader);
        const data = reader.string(MAX_DATA_BYTES);
        reader.end();
        channel?.receiveData(data);
        return;
      }
      case SSH_MSG_CONNECTION.CHANNEL_WINDOW_ADJUST:
        this.#channel(reader)?.receiveWindowAdjust(reader.uint32());
        return;
      case SSH_MSG_CONNECTION.CHANNEL_OPEN:
        this.#open(reader);
        return;
      case SSH_MSG_CONNECTION.CHANNEL_REQUEST:
        this.#channelRequest(reader);
        return;
      case SSH_MSG_CONNECTION.CHANNEL_EOF:
        this.#channel(reader)?.receiveEof();
        return;
      case SSH_MSG_CONNECTION.CHANNEL_CLOSE: {
        const channel = this.#channel(reader);
        channel?.receiveClose();
        if (channel !== null) this.#channels.delete(channel.localId);
        return;
      }
      case SSH_MSG_CONNECTION.CHANNEL_EXTENDED_DATA: {
        const channel = this.#channel(reader);
        reader.uint32();
        channel?.receiveExtendedData(reader.string(MAX_DATA_BYTES).length);
        return;
      }
      case SSH_MSG_CONNECTION.GLOBAL_REQUEST:
        this.#globalRequest(reader);
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
      new SshWriter(64).byte(SSH_MSG_CONNECTION.GLOBAL_REQUEST).string('keepalive@openssh.com').boolean(true).finish(),
    );
  }

  /** null for a channel that we have just closed ourselves: its last messages may still be on their way. */
  #channel(reader: SshReader): Channel | null {
    const id = reader.uint32();
    const channel = this.#channels.get(id);
    if (channel !== undefined) return channel;
    if (id < this.#nextId) return null;
    throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'message for a channel that was never open');
  }

  #open(reader: SshReader): void {
    const type = reader.ascii(64);
    const remote = { id: reader.uint32(), window: reader.uint32(), maxData: reader.uint32() };
    const refuse = (code: number, text: string): void => {
      this.#options.onRefused(`channel ${type}: ${text}`);
      this.#options.carrier.send(
        new SshWriter(128)
          .byte(SSH_MSG_CONNECTION.CHANNEL_OPEN_FAILURE)
          .uint32(remote.id)
          .uint32(code)
          .string(text)
          .string('')
          .finish(),
      );
    };
    if (type !== 'session') {
      refuse(OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED, 'only session channels are allowed');
      return;
    }
    if (this.#noMoreSessions) {
      refuse(OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED, 'no more sessions were asked for');
      return;
    }
    if (this.#channels.size >= this.#options.maxChannels) {
      refuse(OPEN_FAILURE.RESOURCE_SHORTAGE, 'too many sessions on this connection');
      return;
    }
    if (remote.maxData < MIN_SEND_DATA_BYTES) {
      refuse(OPEN_FAILURE.CONNECT_FAILED, `a maximum packet size under ${MIN_SEND_DATA_BYTES} bytes is too small`);
      return;
    }
    const channel = new Channel(this.#options.carrier, this.#options.windows, this.#nextId, remote);
    this.#nextId += 1;
    this.#channels.set(channel.localId, channel);
    this.#options.carrier.send(
      new SshWriter(32)
        .byte(SSH_MSG_CONNECTION.CHANNEL_OPEN_CONFIRMATION)
        .uint32(channel.remoteId)
        .uint32(channel.localId)
        .uint32(channel.localWindow)
        .uint32(MAX_DATA_BYTES)
        .finish(),
    );
  }

  #channelRequest(reader: SshReader): void {
    const channel = this.#channel(reader);
    const type = reader.ascii(64);
    const wantReply = reader.boolean();
    if (channel === null) return;
    channel.requests += 1;
    if (channel.requests > MAX_CHANNEL_REQUESTS) {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'too many channel requests');
    }
    const reply = (success: boolean): void => {
      if (!wantReply) return;
      const message = success ? SSH_MSG_CONNECTION.CHANNEL_SUCCESS : SSH_MSG_CONNECTION.CHANNEL_FAILURE;
      this.#options.carrier.send(new SshWriter(8).byte(message).uint32(channel.remoteId).finish());
    };
    switch (type) {
      case 'subsystem': {
        const name = reader.utf8(256);
        const user = channel.taken ? null : this.#options.openSubsystem(name, channel);
        if (user === null) {
          this.#options.onRefused(`subsystem ${name}`);
          reply(false);
          return;
        }
        channel.attach(user);
        reply(true);
        return;
      }
      case 'shell':
      case 'exec':
        if (channel.taken) {
          reply(false);
          return;
        }
        this.#options.onRefused(type === 'exec' ? `exec ${reader.string(4096).toString('utf8')}` : type);
        // A bare failure would leave the person without a reason: a program that says it and ends is clearer.
        reply(true);
        channel.refuse(SFTP_ONLY);
        return;
      case 'env':
        // Not used, not worth an error: OpenSSH sends LANG.
        reply(false);
        return;
      default:
        reply(false);
    }
  }

  #globalRequest(reader: SshReader): void {
    const name = reader.ascii(128);
    const wantReply = reader.boolean();
    if (name === 'no-more-sessions@openssh.com') this.#noMoreSessions = true;
    else if (name === 'tcpip-forward' || name === 'streamlocal-forward@openssh.com') this.#options.onRefused(name);
    if (!wantReply) return;
    this.#answerInTurn(
      name === HOSTKEYS_PROVE
        ? this.#options.hostKeys.prove(reader)
        : Buffer.from([SSH_MSG_CONNECTION.REQUEST_FAILURE]),
    );
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
