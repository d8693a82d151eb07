import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import type { AuthFailure, AuthSuccess } from '../auth/server-auth.ts';
import { ServerAuth, SSH_MSG_USERAUTH } from '../auth/server-auth.ts';
import type { IdentityProvider } from '../auth/identity.ts';
import type { Config } from '../config/schema.ts';
import type { Channel, ChannelUser } from '../connection/channel.ts';
import { Connection } from '../connection/connection.ts';
import { SSH_MSG_CONNECTION } from '../connection/messages.ts';
import type { ReceiveWindows } from '../connection/receive-windows.ts';
import type { PrivateKey, SignatureAlgorithm } from '../crypto/keys.ts';
import type { AlgorithmLists } from '../policy/security-policy.ts';
import { describeKex } from '../policy/session-kex.ts';
import { ReadBudget } from '../sftp/read-budget.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { SSH_MSG } from '../transport/messages.ts';
import type { KeyExchangeInfo, TransportHandler } from '../transport/transport.ts';
import { Transport } from '../transport/transport.ts';
import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import type { Admission } from './admission.ts';
import { sourceOf } from './connection-throttle.ts';
import type { DescriptorShares } from './descriptors.ts';
import { keyExchangeFailure } from './key-exchange-failure.ts';
import { DRAIN_CHECK_MS, DRAIN_QUIET_MS, KEX_SECONDS } from './limits.ts';
import type { User } from './users.ts';

/** What every session of a server shares. */
export interface SessionEnvironment {
  readonly config: Config;
  /** `SSH-2.0-Latticeport_x.y`. */
  readonly version: string;
  readonly algorithms: AlgorithmLists;
  readonly hostKeys: readonly PrivateKey[];
  readonly userKeyAlgorithms: readonly SignatureAlgorithm[];
  readonly users: IdentityProvider<User>;
  readonly admission: Admission;
  readonly windows: ReceiveWindows;
  /** Connections that there is room for. */
  readonly capacity: DescriptorShares;
  /** Makes the program of an `sftp` subsystem. */
  openSftp(user: User, channel: Channel, log: Logger, readBudget: ReadBudget): SftpUser;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}

/** Whoever counts sessions. */
export interface SessionObserver {
  onAuthenticated(): void;
  onClosed(): void;
}

/** An SFTP session on a channel. `idle` tells a drain whether it may be cut off. */
export interface SftpUser extends ChannelUser {
  readonly idle: boolean;
}

type Phase =
  | { readonly name: 'kex' }
  | { readonly name: 'service' }
  | { readonly name: 'auth'; readonly auth: ServerAuth<User> }
  | { readonly name: 'open'; readonly user: User; readonly connection: Connection }
  | { readonly name: 'closed' };

/** One client's connection, from its first byte to its last. */
export class Session implements TransportHandler {
  readonly id = randomBytes(8).toString('hex');
  readonly #environment: SessionEnvironment;
  readonly #log: Logger;
  readonly remoteAddress: string;
  readonly #transport: Transport;
  readonly #socket: Socket;
  readonly #startedAt = Date.now();
  #graceTimer: NodeJS.Timeout;
  readonly #observer: SessionObserver;
  readonly #sftp = new Set<SftpUser>();
  readonly #readBudget: ReadBudget;
  #phase: Phase = { name: 'kex' };
  #keepaliveTimer: NodeJS.Timeout | null = null;
  #drainTimer: NodeJS.Timeout | null = null;
  #lastActivity = performance.now();
  #userName: string | null = null;
  /** The user among whose connections this one counts. */
  #entered: string | null = null;
  #bytesReceivedBefore = 0;
  #timedOut = false;

  constructor(socket: Socket, environment: SessionEnvironment, observer: SessionObserver) {
    this.#environment = environment;
    this.#socket = socket;
    this.#observer = observer;
    this.remoteAddress = socket.remoteAddress ?? 'unknown';
    this.#log = environment.log.child({ sessionId: this.id });
    this.#log.info(
      { event: 'session.opened', remoteAddress: this.remoteAddress, remotePort: socket.remotePort },
      'connection opened',
    );
    const { config } = environment;
    this.#readBudget = new ReadBudget(config.limits.readBytesPerConnection);
    this.#graceTimer = this.#deadline(Math.min(KEX_SECONDS, config.auth.loginGraceSeconds), 'no key exchange in time');
    this.#transport = new Transport(socket, {
      role: 'server',
      version: environment.version,
      algorithms: environment.algorithms,
      hostKeys: environment.hostKeys,
      userKeyAlgorithms: environment.userKeyAlgorithms,
      rekey: { ...config.rekey, perMinute: config.limits.rekeysPerMinute },
      handler: this,
    });
  }

  get authenticated(): boolean {
    return this.#phase.name === 'open';
  }

  /** True when ending it now would interrupt nothing. */
  get idle(): boolean {
    for (const sftp of this.#sftp) if (!sftp.idle) return false;
    return true;
  }

  end(reason: (typeof DISCONNECT_REASON)[keyof typeof DISCONNECT_REASON], message: string): void {
    this.#transport.disconnect(new SshDisconnect(reason, message));
  }

  /** Ends the session for another's sake: its descriptor is free at once, whether the client closes or not. */
  evict(message: string): void {
    this.end(DISCONNECT_REASON.TOO_MANY_CONNECTIONS, message);
    this.#socket.destroy();
  }

  /** Ends the session now if it is idle, otherwise soon after its open files are closed. */
  drain(): void {
    this.#drainTimer ??= setInterval(() => {
      this.#endIfDrained();
    }, DRAIN_CHECK_MS).unref();
    this.#endIfDrained();
  }

  onKeyExchange(info: KeyExchangeInfo): void {
    const { config, algorithms } = this.#environment;
    const kex = describeKex(
      { ...info.negotiated, strictKex: info.strict, publicBytes: info.publicBytes, clientVersion: info.clientVersion },
      info.client,
      algorithms,
    );
    const { metrics } = this.#environment;
    if (info.number === 1) {
      metrics?.ssh.keyExchange(kex.method, kex.family === 'pq-hybrid');
      this.#phase = { name: 'service' };
      clearTimeout(this.#graceTimer);
      this.#graceTimer = this.#deadline(config.auth.loginGraceSeconds, 'login took too long');
      this.#log.info(
        {
          event: 'session.negotiated',
          policy: config.securityPolicy,
          kex,
          milliseconds: Math.round(info.milliseconds),
        },
        `${kex.family === 'pq-hybrid' ? 'post-quantum' : 'classical'} key exchange: ${info.negotiated.kex}`,
      );
    } else {
      metrics?.ssh.rekey();
      this.#log.debug({ event: 'session.rekeyed', kex, number: info.number }, 'new keys');
    }
  }

  onMessage(message: number, payload: Buffer): void {
    const phase = this.#phase;
    switch (phase.name) {
      case 'open':
        // Answers to our keep-alives are not activity.
        if (message >= SSH_MSG_CONNECTION.CHANNEL_OPEN) this.#lastActivity = performance.now();
        if (message >= SSH_MSG_CONNECTION.GLOBAL_REQUEST) phase.connection.receive(message, payload);
        else if (message === SSH_MSG.EXT_INFO || message === SSH_MSG_USERAUTH.REQUEST) return;
        else this.#transport.sendUnimplemented();
        return;
      case 'auth':
        if (message === SSH_MSG_USERAUTH.REQUEST) phase.auth.receive(payload);
        else if (message === SSH_MSG.EXT_INFO) return;
        else if (message === SSH_MSG.SERVICE_REQUEST)
          phase.auth.serviceRequestedAgain(() => this.#acceptService(payload));
        else if (message >= SSH_MSG_CONNECTION.GLOBAL_REQUEST) throw outOfPlace(message);
        else this.#transport.sendUnimplemented();
        return;
      case 'service':
        if (message === SSH_MSG.EXT_INFO) return;
        if (message !== SSH_MSG.SERVICE_REQUEST) throw outOfPlace(message);
        this.#serviceRequest(payload);
        return;
      case 'kex':
      case 'closed':
        throw outOfPlace(message);
    }
  }

  onDrain(): void {
    if (this.#phase.name === 'open') this.#phase.connection.drained();
  }

  onClose(reason: SshDisconnect): void {
    const phase = this.#phase;
    this.#phase = { name: 'closed' };
    clearTimeout(this.#graceTimer);
    if (this.#keepaliveTimer !== null) clearInterval(this.#keepaliveTimer);
    if (this.#drainTimer !== null) clearInterval(this.#drainTimer);
    if (phase.name === 'open') phase.connection.lost();
    if (phase.name === 'auth') phase.auth.cancel();
    if (this.#entered !== null) this.#environment.admission.leave(this.#entered);
    if (phase.name === 'kex') {
      this.#environment.metrics?.ssh.keyExchangeFailed(keyExchangeFailure(reason, this.#timedOut));
    }
    const fields = {
      event: 'session.closed',
      user: this.#userName,
      reason: reason.reason,
      byPeer: reason.byPeer,
      bytesIn: this.#transport.bytesReceived,
      bytesOut: this.#transport.bytesSent,
      seconds: (Date.now() - this.#startedAt) / 1000,
      clientVersion: this.#transport.peerVersion,
      ...reason.detail,
    };
    const message = `connection closed: ${reason.message}`;
    if (reason.cause !== undefined && reason.reason === DISCONNECT_REASON.BY_APPLICATION) {
      this.#log.error({ ...fields, err: reason.cause }, message);
    } else if (reason.byPeer || reason.reason === DISCONNECT_REASON.BY_APPLICATION) {
      this.#log.info(fields, message);
    } else {
      this.#log.warn({ ...fields, cause: reason.cause instanceof Error ? reason.cause.message : undefined }, message);
    }
    this.#observer.onClosed();
  }

  #deadline(seconds: number, message: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timedOut = true;
      this.end(DISCONNECT_REASON.BY_APPLICATION, message);
    }, seconds * 1000).unref();
  }

  /** Answers a service request (RFC 4253 §10). paramiko makes one before every attempt. */
  #acceptService(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const service = reader.ascii(64);
    reader.end();
    if (service !== 'ssh-userauth') {
      throw new SshDisconnect(DISCONNECT_REASON.SERVICE_NOT_AVAILABLE, 'only ssh-userauth is available here');
    }
    this.#transport.send(new SshWriter(32).byte(SSH_MSG.SERVICE_ACCEPT).string(service).finish());
  }

  #serviceRequest(payload: Buffer): void {
    this.#acceptService(payload);
    const { config, users, userKeyAlgorithms } = this.#environment;
    const auth = new ServerAuth<User>({
      provider: users,
      remoteAddress: this.remoteAddress,
      source: sourceOf(this.remoteAddress),
      sessionId: this.#transport.sessionId,
      userKeyAlgorithms,
      methods: config.auth.methods,
      maxAttempts: config.auth.maxAttempts,
      banner: config.auth.banner,
      send: (message) => this.#transport.send(message),
      disconnect: (reason) => {
        this.#transport.disconnect(reason);
      },
      admit: (user) => this.#enter(user),
      onSuccess: (success) => {
        this.#authenticated(success);
      },
      onFailure: (failure) => {
        this.#authenticationFailed(failure);
      },
    });
    this.#phase = { name: 'auth', auth };
  }

  async #enter({ name }: User): Promise<boolean> {
    const { admission, config } = this.#environment;
    if (!(await admission.enter(name, config.limits.connectionsPerUser))) return false;
    // It may be over while others are asked.
    if (this.#phase.name === 'auth') this.#entered = name;
    else admission.leave(name);
    return true;
  }

  #authenticationFailed(failure: AuthFailure): void {
    this.#environment.metrics?.ssh.login(failure.method, failure.reason);
    const fields = {
      event: 'auth.failure',
      user: failure.userName.slice(0, 100),
      method: failure.method,
      reason: failure.reason,
      fingerprint: failure.fingerprint,
      remoteAddress: this.remoteAddress,
    };
    if (failure.reason === 'provider-failed')
      this.#log.error({ ...fields, err: failure.error }, 'users cannot be looked up');
    else if (failure.reason === 'internal-error')
      this.#log.error({ ...fields, err: failure.error }, 'a bug: please report it');
    else this.#log.warn(fields, 'authentication failed');
  }

  #authenticated(success: AuthSuccess<User>): void {
    if (this.#phase.name !== 'auth') return;
    clearTimeout(this.#graceTimer);
    const { config } = this.#environment;
    const user = success.identity;
    this.#userName = user.name;
    this.#environment.metrics?.ssh.login(success.method, 'success');
    this.#log.info(
      {
        event: 'auth.success',
        user: user.name,
        method: success.method,
        fingerprint: success.publicKey?.fingerprint,
        keyType: success.publicKey?.type,
        signatureAlgorithm: success.signatureAlgorithm ?? undefined,
        remoteAddress: this.remoteAddress,
      },
      `${user.name} logged in`,
    );
    this.#observer.onAuthenticated();
    this.#transport.peerAuthenticated();
    this.#lastActivity = performance.now();
    const connection = new Connection({
      carrier: this.#transport,
      maxChannels: config.limits.sessionsPerConnection,
      windows: this.#environment.windows,
      sendUnimplemented: () => {
        this.#transport.sendUnimplemented();
      },
      openSubsystem: (name, channel) => (name === 'sftp' ? this.#openSftp(user, channel) : null),
      onRefused: (what) => {
        this.#log.info({ event: 'session.refused', user: user.name, request: what.slice(0, 200) }, 'request refused');
      },
    });
    this.#phase = { name: 'open', user, connection };
    this.#keepaliveTimer = setInterval(() => {
      this.#checkLiveness(connection);
    }, config.limits.keepaliveSeconds * 1000).unref();
  }

  #openSftp(user: User, channel: Channel): ChannelUser {
    const sftp = this.#environment.openSftp(user, channel, this.#log.child({ user: user.name }), this.#readBudget);
    this.#sftp.add(sftp);
    return {
      onData: (chunk) => {
        sftp.onData(chunk);
      },
      onEof: () => {
        sftp.onEof();
      },
      onDrain: () => {
        sftp.onDrain();
      },
      onClose: () => {
        sftp.onClose();
        this.#sftp.delete(sftp);
      },
    };
  }

  #checkLiveness(connection: Connection): void {
    const { limits } = this.#environment.config;
    const idleSeconds = (performance.now() - this.#lastActivity) / 1000;
    // Whatever came since the last look shows that the client is there, even if it cannot answer keep-alives.
    if (this.#transport.bytesReceived !== this.#bytesReceivedBefore) connection.unansweredKeepalives = 0;
    this.#bytesReceivedBefore = this.#transport.bytesReceived;
    if (idleSeconds >= limits.idleSeconds && this.idle) {
      this.end(DISCONNECT_REASON.BY_APPLICATION, 'idle for too long');
    } else if (connection.unansweredKeepalives >= limits.unansweredKeepalives) {
      this.end(DISCONNECT_REASON.CONNECTION_LOST, 'the client does not answer');
    } else if (idleSeconds >= limits.keepaliveSeconds / 2) {
      connection.sendKeepalive();
    }
  }

  #endIfDrained(): void {
    const now = performance.now();
    if (!this.idle) this.#lastActivity = now;
    if (now - this.#lastActivity < DRAIN_QUIET_MS) return;
    this.end(DISCONNECT_REASON.BY_APPLICATION, 'the server is shutting down');
  }
}

function outOfPlace(message: number): SshDisconnect {
  return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, `unexpected message ${message} at this point`);
}
