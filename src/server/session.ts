import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import type { AuthSuccess } from '../auth/server-auth.ts';
import { ServerAuth } from '../auth/server-auth.ts';
import { SSH_MSG_USERAUTH } from '../auth/messages.ts';
import type { IdentityProvider } from '../auth/identity.ts';
import type { Config } from '../config/schema.ts';
import type { ChannelHandler, ProgramChannel } from '../connection/channel.ts';
import { Connection } from '../connection/connection.ts';
import { SSH_MSG_CONNECTION } from '../connection/messages.ts';
import type { ReceiveWindows } from '../connection/receive-windows.ts';
import type { PrivateKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import type { AlgorithmLists } from '../policy/security-policy.ts';
import { describeKex } from '../policy/session-kex.ts';
import { ReadBudget } from '../sftp/read-budget.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { decodeServiceRequest, encodeServiceAccept, SSH_MSG } from '../transport/messages.ts';
import type { KeyExchangeInfo, TransportHandler } from '../transport/transport.ts';
import { Transport } from '../transport/transport.ts';
import type { Admission } from './admission.ts';
import { sourceOf } from './connection-throttle.ts';
import type { DescriptorShares } from './descriptors.ts';
import { hostKeyRotation } from './host-keys-for-client.ts';
import { keyExchangeFailure } from './key-exchange-failure.ts';
import { DRAIN_CHECK_MS, DRAIN_QUIET_MS, KEX_SECONDS } from './limits.ts';
import { LoginLog } from './login-log.ts';
import { remoteAddressOf } from './remote-address.ts';
import type { Credential, Revocation } from './revocation.ts';
import type { SessionObserver } from './session-observer.ts';
import type { SftpHandler } from './sftp-sessions.ts';
import type { User } from './users.ts';

/** What every session of a server shares. */
export interface SessionEnvironment {
  readonly config: Config;
  /** `SSH-2.0-Latticeport_x.y`. */
  readonly version: string;
  readonly algorithms: AlgorithmLists;
  readonly hostKeys: readonly PrivateKey[];
  readonly groupExchangeMinBits: number;
  readonly userKeyAlgorithms: readonly SignatureAlgorithm[];
  readonly users: IdentityProvider<User>;
  readonly admission: Admission;
  readonly windows: ReceiveWindows;
  /** Connections that there is room for. */
  readonly capacity: DescriptorShares;
  /** Makes the program of an `sftp` subsystem. */
  openSftp(user: User, channel: ProgramChannel, log: Logger, readBudget: ReadBudget): SftpHandler;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}

/** Keep-alives (global requests) that are answered before the login: one a second through the default login time. */
const MAX_REQUESTS_BEFORE_LOGIN = 120;

type Phase =
  | { readonly name: 'kex' }
  | { readonly name: 'service' }
  | { readonly name: 'auth'; readonly auth: ServerAuth<User> }
  | { readonly name: 'open'; readonly credential: Credential; readonly connection: Connection }
  | { readonly name: 'closed' };

/** One client's connection, from its first byte to its last. */
export class Session implements TransportHandler {
  readonly id = randomBytes(8).toString('hex');
  readonly #environment: SessionEnvironment;
  readonly #login: LoginLog;
  readonly remoteAddress: string;
  readonly #transport: Transport;
  readonly #socket: Socket;
  readonly #startedAt = Date.now();
  #graceTimer: NodeJS.Timeout;
  readonly #observer: SessionObserver;
  readonly #sftp = new Set<SftpHandler>();
  readonly #readBudget: ReadBudget;
  #phase: Phase = { name: 'kex' };
  #keepaliveTimer: NodeJS.Timeout | null = null;
  #drainTimer: NodeJS.Timeout | null = null;
  #lastActivity = performance.now();
  /** The user among whose connections this one counts. */
  #entered: string | null = null;
  #bytesReceivedBefore = 0;
  #timedOut = false;
  #earlyRequests = 0;
  #revoked = false;
  #hostKeyAlgorithm = '';

  constructor(socket: Socket, environment: SessionEnvironment, observer: SessionObserver) {
    this.#environment = environment;
    this.#socket = socket;
    this.#observer = observer;
    this.remoteAddress = remoteAddressOf(socket);
    const { log, metrics } = environment;
    this.#login = new LoginLog(log, { sessionId: this.id, remoteAddress: this.remoteAddress }, metrics?.ssh);
    this.#log.info({ event: 'session.opened', remotePort: socket.remotePort }, 'connection opened');
    const { config } = environment;
    this.#readBudget = new ReadBudget(config.limits.readBytesPerConnection);
    this.#graceTimer = this.#deadline(Math.min(KEX_SECONDS, config.auth.loginGraceSeconds), 'no key exchange in time');
    this.#transport = new Transport(socket, {
      role: 'server',
      version: environment.version,
      algorithms: environment.algorithms,
      hostKeys: environment.hostKeys,
      groupExchangeMinBits: environment.groupExchangeMinBits,
      userKeyAlgorithms: environment.userKeyAlgorithms,
      rekey: { ...config.rekey, perMinute: config.limits.rekeysPerMinute },
      handler: this,
    });
  }

  /** With the user's name, as soon as there is one. */
  get #log(): Logger {
    return this.#login.log;
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
  drain(message = 'the server is shutting down'): void {
    this.#drainTimer ??= setInterval(() => {
      this.#endIfDrained(message);
    }, DRAIN_CHECK_MS).unref();
    this.#endIfDrained(message);
  }

  /** How the user logged in; null before that and after the end. */
  get credential(): Credential | null {
    return this.#phase.name === 'open' ? this.#phase.credential : null;
  }

  /** The user may not log in any more: what is open has `seconds` to be brought to its end. */
  revoke(reason: Revocation, seconds: number): void {
    if (this.#phase.name !== 'open' || this.#revoked) return;
    this.#revoked = true;
    this.#log.warn({ event: 'session.revoked', reason }, 'may not log in any more');
    this.#phase.connection.refuseNew();
    for (const sftp of this.#sftp) sftp.refuseNew();
    const message = 'your access has been withdrawn';
    setTimeout(() => {
      this.end(DISCONNECT_REASON.BY_APPLICATION, message);
    }, seconds * 1000).unref();
    this.drain(message);
  }

  onKeyExchange(info: KeyExchangeInfo): void {
    const { config, algorithms } = this.#environment;
    const kex = describeKex(
      { ...info.negotiated, strictKex: info.strict, publicBytes: info.publicBytes, clientVersion: info.clientVersion },
      info.client,
      algorithms,
    );
    const { metrics } = this.#environment;
    this.#hostKeyAlgorithm = info.negotiated.hostKey;
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
        else if (message === SSH_MSG_CONNECTION.GLOBAL_REQUEST) this.#requestBeforeLogin();
        else if (message > SSH_MSG_CONNECTION.GLOBAL_REQUEST) throw outOfPlace(message);
        else this.#transport.sendUnimplemented();
        return;
      case 'service':
        if (message === SSH_MSG.EXT_INFO) return;
        if (message === SSH_MSG.SERVICE_REQUEST) this.#serviceRequest(payload);
        else if (message === SSH_MSG_CONNECTION.GLOBAL_REQUEST) this.#requestBeforeLogin();
        else throw outOfPlace(message);
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
    // A client that has closed its last channel is done: some reset the connection then.
    const hadFinished = phase.name === 'open' && phase.connection.finished;
    if (phase.name === 'open') phase.connection.lost();
    if (phase.name === 'auth') {
      phase.auth.cancel();
      this.#login.ended();
    }
    if (this.#entered !== null) this.#environment.admission.leave(this.#entered);
    if (phase.name === 'kex') {
      this.#environment.metrics?.ssh.keyExchangeFailed(keyExchangeFailure(reason, this.#timedOut));
    }
    const fields = {
      event: 'session.closed',
      authenticated: phase.name === 'open',
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
    } else if (hadFinished && reason.reason === DISCONNECT_REASON.CONNECTION_LOST) {
      this.#log.info(fields, 'connection closed by peer, after its last channel');
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
    const service = decodeServiceRequest(payload);
    if (service !== 'ssh-userauth') {
      throw new SshDisconnect(DISCONNECT_REASON.SERVICE_NOT_AVAILABLE, 'only ssh-userauth is available here');
    }
    this.#transport.send(encodeServiceAccept(service));
  }

  /** A keep-alive while its user looks for the password: as OpenSSH, we do not know it yet. Bounded, like all before login. */
  #requestBeforeLogin(): void {
    this.#earlyRequests += 1;
    if (this.#earlyRequests > MAX_REQUESTS_BEFORE_LOGIN) throw outOfPlace(SSH_MSG_CONNECTION.GLOBAL_REQUEST);
    this.#transport.sendUnimplemented();
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
      onRequest: (userName) => {
        this.#login.requested(userName);
      },
      admit: (user) => this.#enter(user),
      onSuccess: (success) => {
        this.#authenticated(success);
      },
      onFailure: (failure) => {
        this.#login.failed(failure);
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

  #authenticated(success: AuthSuccess<User>): void {
    if (this.#phase.name !== 'auth') return;
    clearTimeout(this.#graceTimer);
    const { config } = this.#environment;
    const user = success.identity;
    this.#login.succeeded(success);
    this.#transport.peerAuthenticated();
    this.#lastActivity = performance.now();
    const connection = new Connection({
      carrier: this.#transport,
      maxChannels: config.limits.sessionsPerConnection,
      windows: this.#environment.windows,
      hostKeys: hostKeyRotation(this.#environment, this.#transport, this.#hostKeyAlgorithm, this.#log, user.name),
      sendUnimplemented: () => {
        this.#transport.sendUnimplemented();
      },
      openSubsystem: (name) => (name === 'sftp' ? (channel) => this.#openSftp(user, channel) : null),
      onRefused: (what) => {
        this.#log.info({ event: 'session.refused', request: what.slice(0, 200) }, 'request refused');
      },
    });
    this.#phase = { name: 'open', credential: success, connection };
    this.#observer.onAuthenticated();
    this.#keepaliveTimer = setInterval(() => {
      this.#checkLiveness(connection);
    }, config.limits.keepaliveSeconds * 1000).unref();
  }

  #openSftp(user: User, channel: ProgramChannel): ChannelHandler {
    const sftp = this.#environment.openSftp(user, channel, this.#log, this.#readBudget);
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

  #endIfDrained(message: string): void {
    const now = performance.now();
    if (!this.idle) this.#lastActivity = now;
    if (now - this.#lastActivity < DRAIN_QUIET_MS) return;
    this.end(DISCONNECT_REASON.BY_APPLICATION, message);
  }
}

function outOfPlace(message: number): SshDisconnect {
  return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, `unexpected message ${message} at this point`);
}
