import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { publish } from '../events/event-channels.ts';
import type { RefusalReason } from '../events/server-event.ts';
import type { OpenSession } from '../state/open-sessions.ts';
import { DISCONNECT_REASON } from '../transport/disconnect.ts';
import type { Admission } from './admission.ts';
import { sourceOf } from './connection-throttle.ts';
import { LISTEN_BACKLOG, PROXY_HEADER_MS } from './limits.ts';
import type { ProxyRule } from './proxy/proxy-rules.ts';
import { readSource } from './proxy/read-source.ts';
import { remoteAddressOf, type ClientSource } from './remote-address.ts';
import { revocationOf } from './revocation.ts';
import type { SessionEnvironment } from './session-environment.ts';
import { Session } from './session.ts';

/** What decides who may log in. */
export type LoginRules = Pick<SessionEnvironment, 'users' | 'config' | 'revokedKeys'>;

/** Listens for SSH clients, and turns connections into sessions. */
export class SshListener {
  #environment: SessionEnvironment;
  /** Who may log in, by the newest configuration. */
  #loginRules: LoginRules;
  readonly #socket = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
  readonly #admission: Admission;
  readonly #sessions = new Set<Session>();
  readonly #unauthenticated = new Set<Session>();
  /** Those that wait for admission. */
  readonly #waiting = new Set<Socket>();
  /** Those whose balancer has not said yet whose they are, the oldest first. */
  readonly #unnamed = new Set<Socket>();
  #stopping = false;
  #whenEmpty: (() => void)[] = [];

  constructor(environment: SessionEnvironment, admission: Admission) {
    this.#environment = environment;
    this.#loginRules = environment;
    this.#admission = admission;
    this.#socket.on('connection', (socket) => {
      this.#accept(socket);
    });
  }

  /** Connections that have been accepted and not ended. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Those of them that have not logged in. */
  get unauthenticated(): number {
    return this.#unauthenticated.size;
  }

  /** Those that are logged in now. */
  get sessionFacts(): readonly OpenSession[] {
    return [...this.#sessions].flatMap(({ facts }) => facts ?? []);
  }

  /** Ends a session, whatever it does. Whether there was one. */
  endSession(sessionId: string): boolean {
    const session = [...this.#sessions].find((each) => each.id === sessionId);
    session?.end(DISCONNECT_REASON.BY_APPLICATION, 'ended by the operator');
    return session !== undefined;
  }

  /** New connections use it; those that are there keep what they began with. */
  use(environment: SessionEnvironment): void {
    this.#environment = environment;
    this.#loginRules = environment;
  }

  /**
   * Ends the sessions of those who could not log in under `rules`, by default those in force; also of those who are about to do so under older ones.
   * Open files have the drain's time. Resolves when all have been looked at.
   */
  async endRevoked(rules: LoginRules = this.#loginRules): Promise<void> {
    this.#loginRules = rules;
    await Promise.all([...this.#sessions].map((session) => this.#endIfRevoked(session)));
  }

  async #endIfRevoked(session: Session): Promise<void> {
    const { users, config, revokedKeys } = this.#loginRules;
    const { credential, remoteAddress } = session;
    if (credential === null || !config.reload.endRevokedSessions) return;
    try {
      const reason = await revocationOf(credential, remoteAddress, users, config.auth.methods, revokedKeys);
      if (reason !== null) session.revoke(reason, config.shutdown.drainSeconds);
    } catch (error) {
      session.revocationFailed(error);
    }
  }

  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.listen({ host, port, backlog: LISTEN_BACKLOG }, () => {
        this.#socket.off('error', reject);
        this.#socket.on('error', (error) => {
          publish({ type: 'server.listener-error', server: this.#environment.server, error });
        });
        const address = this.#socket.address();
        if (address === null || typeof address === 'string') reject(new Error('not a TCP address'));
        else resolve(address);
      });
    });
  }

  /** Takes no new connections; those that are there go on. Resolves when the last of them has ended by itself. */
  async retire(): Promise<void> {
    this.#socket.close();
    await this.#empty();
  }

  /**
   * Takes no new connections, ends idle ones, lets running transfers finish until the deadline, then cuts off the rest.
   * Resolves to the number that was cut off.
   */
  async stop(drainSeconds: number): Promise<number> {
    this.#stopping = true;
    this.#socket.close();
    for (const socket of [...this.#waiting, ...this.#unnamed]) socket.destroy();
    for (const session of [...this.#sessions]) {
      if (session.authenticated) session.drain();
      else session.end(DISCONNECT_REASON.BY_APPLICATION, 'the server is shutting down');
    }
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, drainSeconds * 1000);
    });
    await Promise.race([this.#empty(), deadline]);
    clearTimeout(timer);
    const cutOff = this.#sessions.size;
    for (const session of [...this.#sessions]) {
      session.end(DISCONNECT_REASON.BY_APPLICATION, 'the server is shutting down');
    }
    return cutOff;
  }

  get #isEmpty(): boolean {
    return this.#sessions.size + this.#waiting.size + this.#unnamed.size === 0;
  }

  /** Resolves when there is no connection, not even one that waits for admission. */
  async #empty(): Promise<void> {
    while (!this.#isEmpty) {
      await new Promise<void>((resolve) => {
        this.#whenEmpty.push(resolve);
      });
    }
  }

  #checkEmpty(): void {
    if (!this.#isEmpty) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Who is there, before anything else is done for them. */
  #accept(socket: Socket): void {
    const peer = remoteAddressOf(socket);
    const direct = { address: peer, port: socket.remotePort, proxy: null };
    const rule = this.#environment.proxy.ruleFor(peer);
    if (rule === 'direct') this.#admit(socket, direct);
    else if (rule === 'refused') this.#refuse(socket, peer, 'network');
    else void this.#readHeader(socket, rule, direct);
  }

  /** The client is where the header says. */
  async #readHeader(
    socket: Socket,
    { required, versions }: Exclude<ProxyRule, string>,
    direct: ClientSource,
  ): Promise<void> {
    // Whoever has been silent for longest goes: refusing the newcomer would let a few silent ones keep everybody out.
    if (this.#unnamed.size >= this.#environment.capacity.unauthenticated) {
      const [oldest] = this.#unnamed;
      if (oldest !== undefined) {
        this.#unnamed.delete(oldest);
        this.#refuse(oldest, remoteAddressOf(oldest), 'proxy-silent');
      }
    }
    this.#unnamed.add(socket);
    const read = await readSource(socket, PROXY_HEADER_MS);
    this.#unnamed.delete(socket);
    const isRefused =
      read.kind === 'broken' ||
      (read.kind === 'none' && required) ||
      (read.kind === 'header' && !versions.includes(read.version));
    if (socket.destroyed || read.kind === 'ended') socket.destroy();
    else if (isRefused) this.#refuse(socket, direct.address, 'proxy-header');
    else if (read.kind === 'silent' && required) this.#refuse(socket, direct.address, 'proxy-silent');
    else if (read.kind !== 'header' || read.source === null) this.#admit(socket, direct);
    else this.#admit(socket, { ...read.source, proxy: direct.address });
    this.#checkEmpty();
  }

  #admit(socket: Socket, client: ClientSource): void {
    if (!this.#environment.addressRules.allows(client.address)) {
      this.#refuse(socket, client.address, 'network');
      return;
    }
    const answer = this.#admission.admit(client.address);
    if (typeof answer === 'number' || answer === null) {
      this.#admitted(socket, client, answer);
      return;
    }
    const onError = (): void => {
      socket.destroy();
    };
    socket.on('error', onError);
    this.#waiting.add(socket);
    void answer.then((wait) => {
      this.#waiting.delete(socket);
      socket.off('error', onError);
      if (!socket.destroyed) this.#admitted(socket, client, wait);
      this.#checkEmpty();
    });
  }

  /**
   * Ends the oldest connection that has not logged in, of the source that has most of them: refusing the newcomer instead
   * would let one silent source lock everybody out.
   */
  #makeRoom(): void {
    const bySource = new Map<string, Session[]>();
    for (const session of this.#unauthenticated) {
      const source = sourceOf(session.remoteAddress);
      const sessions = bySource.get(source);
      if (sessions === undefined) bySource.set(source, [session]);
      else sessions.push(session);
    }
    let most: Session[] = [];
    for (const sessions of bySource.values()) if (sessions.length > most.length) most = sessions;
    if (most[0] === undefined) return;
    this.#tellRefusal(most[0].remoteAddress, 'made-room');
    most[0].evict('too many connections that have not logged in');
  }

  #admitted(socket: Socket, client: ClientSource, wait: number | null): void {
    if (wait === 0) {
      this.#begin(socket, client);
      return;
    }
    socket.on('error', () => {
      socket.destroy();
    });
    if (wait === null || this.#waiting.size >= this.#environment.capacity.unauthenticated) {
      this.#refuse(socket, client.address, 'rate');
      return;
    }
    this.#waiting.add(socket);
    const timer = setTimeout(() => {
      this.#waiting.delete(socket);
      if (!socket.destroyed) this.#begin(socket, client);
      this.#checkEmpty();
    }, wait * 1000);
    socket.once('close', () => {
      clearTimeout(timer);
      if (this.#waiting.delete(socket)) this.#checkEmpty();
    });
  }

  #begin(socket: Socket, client: ClientSource): void {
    const { capacity } = this.#environment;
    const unauthenticated = this.#unauthenticated.size;
    if (unauthenticated >= capacity.unauthenticated) this.#makeRoom();
    if (this.#stopping || this.#sessions.size >= capacity.connections) {
      this.#refuse(socket, client.address, 'limit', unauthenticated);
      return;
    }
    const environment = this.#environment;
    const session = new Session(socket, client, environment, {
      onAuthenticated: () => {
        this.#unauthenticated.delete(session);
        if (this.#loginRules !== environment) void this.#endIfRevoked(session);
      },
      onClosed: () => {
        this.#unauthenticated.delete(session);
        this.#sessions.delete(session);
        this.#checkEmpty();
      },
    });
    this.#sessions.add(session);
    this.#unauthenticated.add(session);
  }

  #refuse(socket: Socket, remoteAddress: string, reason: RefusalReason, unauthenticated?: number): void {
    socket.on('error', () => undefined);
    this.#tellRefusal(remoteAddress, reason, unauthenticated);
    socket.destroy();
  }

  #tellRefusal(remoteAddress: string, reason: RefusalReason, unauthenticated = this.#unauthenticated.size): void {
    const { server } = this.#environment;
    publish({ type: 'connection.refused', server, remoteAddress, reason, unauthenticated });
  }
}
