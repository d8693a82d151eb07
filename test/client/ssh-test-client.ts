import type { Duplex } from 'node:stream';
import { connect } from 'node:net';
import type { PrivateKey, SignatureAlgorithm } from '../../src/crypto/keys/key.ts';
import type { AlgorithmLists } from '../../src/negotiation/algorithm-lists.ts';
import type { SshDisconnect } from '../../src/transport/disconnect.ts';
import { DISCONNECT_REASON } from '../../src/transport/disconnect.ts';
import { decodeServiceAccept, encodeDisconnect, encodeServiceRequest } from '../../src/transport/messages.ts';
import type { KeyExchangeInfo, RekeyLimits } from '../../src/transport/transport.ts';
import { Transport } from '../../src/transport/transport.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { SshWriter } from '../../src/wire/writer.ts';

export interface TestClientOptions {
  readonly algorithms: AlgorithmLists;
  readonly rekey?: RekeyLimits;
  readonly version?: string;
}

/** A minimal SSH client for the tests, on the transport's client role; every step can be done wrong on purpose. */
export class SshTestClient {
  readonly transport: Transport;
  readonly exchanges: KeyExchangeInfo[] = [];
  readonly received: Buffer[] = [];
  closed: SshDisconnect | null = null;
  #waiters: (() => void)[] = [];

  constructor(socket: Duplex, options: TestClientOptions) {
    this.transport = new Transport(socket, {
      role: 'client',
      version: options.version ?? 'SSH-2.0-LatticeportTest_1',
      algorithms: options.algorithms,
      verifyHostKey: () => true,
      rekey: options.rekey ?? { bytes: Number.MAX_SAFE_INTEGER, seconds: 86_400 },
      handler: {
        onKeyExchange: (info) => {
          this.exchanges.push(info);
          this.#wake();
        },
        onMessage: (_, payload) => {
          this.received.push(Buffer.from(payload));
          this.#wake();
        },
        onDrain: () => {
          this.#wake();
        },
        onClose: (reason) => {
          this.closed = reason;
          this.#wake();
        },
      },
    });
  }

  static connect(port: number, options: TestClientOptions): SshTestClient {
    return new SshTestClient(connect({ host: '127.0.0.1', port, noDelay: true }), options);
  }

  /** Resolves when `condition` holds; rejects when the connection ends or after the deadline. */
  async until(condition: () => boolean, what: string, deadline = 10_000): Promise<void> {
    const end = performance.now() + deadline;
    while (!condition()) {
      if (this.closed !== null) throw this.closed;
      const left = end - performance.now();
      if (left <= 0) throw new Error(`waited ${deadline} ms in vain until ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** The next message with one of these numbers that has not been taken; others stay. */
  async take(...numbers: number[]): Promise<Buffer> {
    const find = (): number => this.received.findIndex((message) => numbers.includes(message[0] ?? 0));
    await this.until(() => find() !== -1, `message ${numbers.join(' or ')} comes`);
    const [message = Buffer.alloc(0)] = this.received.splice(find(), 1);
    return message;
  }

  async whenClosed(deadline = 10_000): Promise<SshDisconnect> {
    await this.until(() => this.closed !== null, 'the connection ends', deadline).catch((error: unknown) => {
      if (error !== this.closed) throw error;
    });
    if (this.closed === null) throw new Error('not closed');
    return this.closed;
  }

  async keyExchange(): Promise<KeyExchangeInfo> {
    await this.until(() => this.exchanges.length > 0, 'the key exchange is over');
    return this.exchanges[0]!;
  }

  async startAuth(): Promise<void> {
    await this.keyExchange();
    this.transport.send(encodeServiceRequest('ssh-userauth'));
    decodeServiceAccept(await this.take(6));
  }

  /** A request's fixed part: user, service, method. */
  authRequest(user: string, method: string): SshWriter {
    return new SshWriter().byte(50).string(user).string('ssh-connection').string(method);
  }

  /** 51 (failure) or 52 (success). */
  async password(user: string, password: string): Promise<number> {
    this.transport.send(this.authRequest(user, 'password').boolean(false).string(password).finish());
    return (await this.take(51, 52))[0] ?? 0;
  }

  /** 51 (failure) or 60 (the key would do). */
  async queryKey(user: string, key: PrivateKey, algorithm: SignatureAlgorithm): Promise<number> {
    this.transport.send(
      this.authRequest(user, 'publickey').boolean(false).string(algorithm).string(key.publicKey.blob).finish(),
    );
    return (await this.take(51, 60))[0] ?? 0;
  }

  async publicKey(
    user: string,
    key: PrivateKey,
    algorithm: SignatureAlgorithm,
    tamper?: (signature: Buffer) => void,
  ): Promise<number> {
    const request = this.authRequest(user, 'publickey')
      .boolean(true)
      .string(algorithm)
      .string(key.publicKey.blob)
      .finish();
    const data = new SshWriter().string(this.transport.sessionId).bytes(request).finish();
    const signature = Buffer.from(await key.sign(algorithm, data));
    tamper?.(signature);
    this.transport.send(new SshWriter().bytes(request).string(signature).finish());
    return (await this.take(51, 52))[0] ?? 0;
  }

  /** Opens a session channel; resolves to its id at the server. */
  async openSession(window = 0x7fff_ffff, maxPacket = 32_768): Promise<number> {
    this.transport.send(new SshWriter().byte(90).string('session').uint32(7).uint32(window).uint32(maxPacket).finish());
    const reader = new SshReader(await this.take(91));
    reader.byte();
    reader.uint32();
    return reader.uint32();
  }

  async request(channel: number, type: string, value?: string): Promise<boolean> {
    const writer = new SshWriter().byte(98).uint32(channel).string(type).boolean(true);
    if (value !== undefined) writer.string(value);
    this.transport.send(writer.finish());
    return (await this.take(99, 100))[0] === 99;
  }

  data(channel: number, bytes: Buffer): void {
    this.transport.send(new SshWriter(bytes.length + 16).byte(94).uint32(channel).string(bytes).finish());
  }

  /** All channel data received so far, taken out of the messages. */
  takeData(): Buffer {
    const parts: Buffer[] = [];
    for (let i = this.received.length - 1; i >= 0; i -= 1) {
      const message = this.received[i]!;
      if (message[0] !== 94) continue;
      parts.unshift(message.subarray(9));
      this.received.splice(i, 1);
    }
    return Buffer.concat(parts);
  }

  end(): void {
    this.transport.send(encodeDisconnect(DISCONNECT_REASON.BY_APPLICATION, 'bye'));
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }
}
