import type { Socket } from 'node:net';
import type { AuthSuccess, SessionJudgement } from '../auth/server-auth.ts';
import { ServerAuth } from '../auth/server-auth.ts';
import { SSH_MSG_USERAUTH } from '../auth/messages.ts';
import { describeCertificate } from '../auth/tried-key.ts';
import { Connection } from '../connection/connection.ts';
import { SSH_MSG_CONNECTION } from '../connection/messages.ts';
import { publicRandomBytes } from '../crypto/random-pool.ts';
import { looksPostQuantum } from '../policy/pq-names.ts';
import { describeKex } from '../policy/session-kex.ts';
import type { OpenSession } from '../state/open-sessions.ts';
import { DISCONNECT_REASON, SshDisconnect, unexpectedMessage } from '../transport/disconnect.ts';
import { SSH_MSG } from '../transport/messages.ts';
import type { KeyExchangeInfo, TransportHandler } from '../transport/transport.ts';
import { Transport } from '../transport/transport.ts';
import { sourceOf } from './connection-throttle.ts';
import { hostKeyRotation } from './host-keys-for-client.ts';
import { KEX_SECONDS } from './limits.ts';
import { classicalExchangeRefusal, judgeSession } from './login-judgement.ts';
import type { ClientSource } from './remote-address.ts';
import type { Credential, Revocation } from './revocation.ts';
import { acceptUserAuth } from './service-request.ts';
import { sessionClosed } from './session-end.ts';
import type { SessionEnvironment } from './session-environment.ts';
import { SessionLiveness } from './session-liveness.ts';
import { SessionPublisher } from './session-publisher.ts';
import { SftpChannels } from './sftp-channels.ts';
import type { User } from './users.ts';

/** Whoever keeps the list of sessions. */
export interface SessionOwner {
  onAuthenticated(): void;
  onClosed(): void;
}

/** Keep-alives (global requests) that are answered before the login: one a second through the default login time. */
const MAX_REQUESTS_BEFORE_LOGIN = 120;

type Phase =
  | { readonly name: 'kex' }
  | { readonly name: 'service' }
  | { readonly name: 'auth'; readonly auth: ServerAuth<User> }
  | { readonly name: 'open'; readonly credential: AuthSuccess<User>; readonly connection: Connection }
  | { readonly name: 'closed' };

/** One client's connection, from its first byte to its last. */
export class Session implements TransportHandler {
  readonly remoteAddress: string;
  readonly #environment: SessionEnvironment;
  readonly #events: SessionPublisher;
  readonly #transport: Transport;
  readonly #socket: Socket;
  readonly #startedAt = Date.now();
  readonly #owner: SessionOwner;
  readonly #sftp: SftpChannels;
  readonly #liveness: SessionLiveness;
  #graceTimer: NodeJS.Timeout;
  #phase: Phase = { name: 'kex' };
  /** The user among whose connections this one counts. */
  #entered: string | null = null;
  #timedOut = false;
  #earlyRequests = 0;
  #revoked = false;
  #hostKeyAlgorithm = '';
  /** Of the last key exchange. */
  #kex: string | null = null;
  /** Of the last key exchange. */
  #postQuantum = false;

  constructor(socket: Socket, client: ClientSource, environment: SessionEnvironment, owner: SessionOwner) {
    this.#environment = environment;
    this.#socket = socket;
    this.#owner = owner;
    this.remoteAddress = client.address;
    const { server, config } = environment;
    const sessionId = publicRandomBytes(8).toString('hex');
    this.#events = new SessionPublisher({ server, sessionId, remoteAddress: this.remoteAddress, user: null });
    this.#events.publish({ type: 'session.opened', remotePort: client.port, proxy: client.proxy });
    this.#sftp = new SftpChannels(environment, this.#events);
    this.#graceTimer = this.#deadline(Math.min(KEX_SECONDS, config.auth.loginGraceSeconds), 'no key exchange in time');
    this.#liveness = new SessionLiveness(config.limits, {
      isIdle: () => this.#sftp.idle,
      bytesReceived: () => this.#transport.bytesReceived,
      end: (reason, message) => {
        this.end(reason, message);
      },
    });
    this.#transport = new Transport(socket, {
      role: 'server',
      version: environment.version,
      algorithms: environment.algorithms,
      insistence: environment.insisting.with(this.remoteAddress),
      hostKeys: environment.hostKeys,
      hostCertificates: environment.hostCertificates,
      groupExchangeMinBits: environment.groupExchangeMinBits,
      userKeyAlgorithms: environment.userKeyAlgorithms,
      rekey: { ...config.rekey, perMinute: config.limits.rekeysPerMinute },
      handler: this,
    });
  }

  get authenticated(): boolean {
    return this.#phase.name === 'open';
  }

  /** `reason` as RFC 4253 §11.1 numbers them. */
  end(reason: number, message: string): void {
    this.#transport.disconnect(new SshDisconnect(reason, message));
  }

  /** Ends the session for another's sake: its descriptor is free at once, whether the client closes or not. */
  evict(message: string): void {
    this.end(DISCONNECT_REASON.TOO_MANY_CONNECTIONS, message);
    this.#socket.destroy();
  }

  /** Ends the session now if it is idle, otherwise soon after its open files are closed. */
  drain(message = 'the server is shutting down'): void {
    this.#liveness.drain(message);
  }

  /** How the user logged in; null before that and after the end. */
  get credential(): Credential | null {
    return this.#phase.name === 'open' ? this.#phase.credential : null;
  }

  /** As events name it. */
  get id(): string {
    return this.#events.identity.sessionId;
  }

  /** What an operator is told of it; null: nobody is logged in. */
  get facts(): OpenSession | null {
    if (this.#phase.name !== 'open') return null;
    const { identity, method } = this.#phase.credential;
    const { peerVersion, bytesReceived, bytesSent } = this.#transport;
    return {
      sessionId: this.id,
      serverId: this.#environment.server,
      userName: identity.name,
      remoteAddress: this.remoteAddress,
      clientVersion: peerVersion,
      method,
      kex: this.#kex,
      postQuantum: this.#kex === null ? null : this.#postQuantum,
      connectedAt: this.#startedAt,
      openFiles: this.#sftp.openFiles,
      bytesIn: bytesReceived,
      bytesOut: bytesSent,
    };
  }

  /** The user may not log in any more: what is open has `seconds` to be brought to its end. */
  revoke(reason: Revocation, seconds: number): void {
    if (this.#phase.name !== 'open' || this.#revoked) return;
    this.#revoked = true;
    this.#events.publish({ type: 'session.revoked', reason });
    this.#phase.connection.refuseNew();
    this.#sftp.refuseNew();
    const message = 'your access has been withdrawn';
    setTimeout(() => {
      this.end(DISCONNECT_REASON.BY_APPLICATION, message);
    }, seconds * 1000).unref();
    this.drain(message);
  }

  /** Whether the user may still log in is not to be found out. */
  revocationFailed(error: unknown): void {
    this.#events.publish({ type: 'session.revocation-failed', error });
  }

  onKeyExchange(info: KeyExchangeInfo): void {
    const { config, policyKex } = this.#environment;
    const kex = describeKex(
      { ...info.negotiated, strictKex: info.strict, publicBytes: info.publicBytes, clientVersion: info.clientVersion },
      info.client,
      { kex: policyKex },
    );
    this.#postQuantum = kex.family === 'pq-hybrid';
    this.#hostKeyAlgorithm = info.negotiated.hostKey;
    this.#kex = info.negotiated.kex;
    if (info.number > 1) {
      this.#events.publish({ type: 'session.rekeyed', kex, number: info.number });
      return;
    }
    this.#phase = { name: 'service' };
    clearTimeout(this.#graceTimer);
    this.#graceTimer = this.#deadline(config.auth.loginGraceSeconds, 'login took too long');
    const { milliseconds } = info;
    this.#events.publish({ type: 'session.negotiated', policy: config.securityPolicy, kex, milliseconds });
  }

  /** A user that may have post-quantum sessions only keeps that through the later exchanges: not a byte goes under other keys. */
  onMethodAgreed(method: string): void {
    const phase = this.#phase;
    if (phase.name !== 'open' || looksPostQuantum(method)) return;
    const words = classicalExchangeRefusal(phase.credential.identity, this.#environment.config, Date.now());
    if (words === null) return;
    this.#events.publish({ type: 'session.rekey-refused', method });
    throw new SshDisconnect(DISCONNECT_REASON.BY_APPLICATION, words);
  }

  onMessage(message: number, payload: Buffer): void {
    const phase = this.#phase;
    switch (phase.name) {
      case 'open':
        // Answers to our keep-alives are not activity.
        if (message >= SSH_MSG_CONNECTION.CHANNEL_OPEN) this.#liveness.active();
        if (message >= SSH_MSG_CONNECTION.GLOBAL_REQUEST) phase.connection.receive(message, payload);
        else if (message === SSH_MSG.EXT_INFO || message === SSH_MSG_USERAUTH.REQUEST) return;
        else this.#transport.sendUnimplemented();
        return;
      case 'auth':
        if (message === SSH_MSG_USERAUTH.REQUEST) phase.auth.receive(payload);
        else if (message === SSH_MSG.EXT_INFO) return;
        else if (message === SSH_MSG.SERVICE_REQUEST)
          phase.auth.serviceRequestedAgain(() => this.#transport.send(acceptUserAuth(payload)));
        else if (message === SSH_MSG_CONNECTION.GLOBAL_REQUEST) this.#requestBeforeLogin();
        else if (message > SSH_MSG_CONNECTION.GLOBAL_REQUEST) throw unexpectedMessage(message);
        else this.#transport.sendUnimplemented();
        return;
      case 'service':
        if (message === SSH_MSG.EXT_INFO) return;
        if (message === SSH_MSG.SERVICE_REQUEST) this.#serviceRequest(payload);
        else if (message === SSH_MSG_CONNECTION.GLOBAL_REQUEST) this.#requestBeforeLogin();
        else throw unexpectedMessage(message);
        return;
      case 'kex':
      case 'closed':
        throw unexpectedMessage(message);
    }
  }

  onDrain(): void {
    if (this.#phase.name === 'open') this.#phase.connection.drained();
  }

  onClose(reason: SshDisconnect): void {
    const phase = this.#phase;
    if (phase.name === 'closed') return;
    this.#phase = { name: 'closed' };
    clearTimeout(this.#graceTimer);
    this.#liveness.stop();
    const finished = phase.name === 'open' && phase.connection.finished;
    if (phase.name === 'open') phase.connection.lost();
    if (phase.name === 'auth') phase.auth.cancel();
    if (this.#entered !== null) this.#environment.admission.leave(this.#entered);
    const { bytesReceived, bytesSent, peerVersion } = this.#transport;
    this.#events.publish(
      sessionClosed(reason, {
        stage: phase.name,
        finished,
        timedOut: this.#timedOut,
        bytesIn: bytesReceived,
        bytesOut: bytesSent,
        seconds: (Date.now() - this.#startedAt) / 1000,
        clientVersion: peerVersion,
      }),
    );
    this.#owner.onClosed();
  }

  #deadline(seconds: number, message: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timedOut = true;
      this.end(DISCONNECT_REASON.BY_APPLICATION, message);
    }, seconds * 1000).unref();
  }

  /** A keep-alive while its user looks for the password: as OpenSSH, we do not know it yet. Bounded, like all before login. */
  #requestBeforeLogin(): void {
    this.#earlyRequests += 1;
    if (this.#earlyRequests > MAX_REQUESTS_BEFORE_LOGIN) throw unexpectedMessage(SSH_MSG_CONNECTION.GLOBAL_REQUEST);
    this.#transport.sendUnimplemented();
  }

  #serviceRequest(payload: Buffer): void {
    this.#transport.send(acceptUserAuth(payload));
    const { config, users, userKeyAlgorithms, revokedKeys } = this.#environment;
    const auth = new ServerAuth<User>({
      provider: users,
      remoteAddress: this.remoteAddress,
      source: sourceOf(this.remoteAddress),
      sessionId: this.#transport.sessionId,
      userKeyAlgorithms,
      revokedKeys,
      methods: config.auth.methods,
      maxAttempts: config.auth.maxAttempts,
      banner: config.auth.banner,
      send: (message) => this.#transport.send(message),
      disconnect: (reason) => {
        this.#transport.disconnect(reason);
      },
      onRequest: (userName) => {
        this.#events.named(userName);
        this.#events.publish({ type: 'auth.requested' });
      },
      judgeSession: (success) => this.#judge(success),
      admit: (user) => this.#enter(user),
      onSuccess: (success) => {
        this.#authenticated(success);
      },
      onFailure: ({ method, reason, key, keyIsUsers = false, error }) => {
        this.#events.publish({ type: 'auth.failed', method, reason, key, keyIsUsers, error });
      },
    });
    this.#phase = { name: 'auth', auth };
  }

  /** Some users may have post-quantum sessions or logins only. */
  #judge(success: AuthSuccess<User>): SessionJudgement | null {
    const session = { clientVersion: this.#transport.peerVersion, postQuantumExchange: this.#postQuantum };
    return judgeSession(success, session, this.#environment.config, Date.now());
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
    const { identity: user, method, publicKey, signatureAlgorithm } = success;
    const certificate = success.certificate === null ? null : describeCertificate(success.certificate);
    const type = success.certificate?.type ?? publicKey?.type ?? '';
    const key = publicKey === null ? null : { type, fingerprint: publicKey.fingerprint };
    this.#events.named(user.name);
    this.#events.publish({ type: 'auth.succeeded', method, key, signatureAlgorithm, certificate });
    this.#transport.peerAuthenticated();
    const connection = new Connection({
      carrier: this.#transport,
      maxChannels: config.limits.sessionsPerConnection,
      windows: this.#environment.windows,
      hostKeys: hostKeyRotation(this.#environment, this.#transport, this.#hostKeyAlgorithm, this.#events),
      sendUnimplemented: () => {
        this.#transport.sendUnimplemented();
      },
      openSubsystem: (name) => (name === 'sftp' ? (channel) => this.#sftp.open(user, channel) : null),
      onRefused: (what) => {
        this.#events.publish({ type: 'session.refused', request: what.slice(0, 200) });
      },
    });
    this.#phase = { name: 'open', credential: success, connection };
    this.#owner.onAuthenticated();
    this.#liveness.watch(connection);
  }
}
