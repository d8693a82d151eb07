import { createHash } from 'node:crypto';
import { chooseGexGroup, createGexMethod } from '../crypto/kex/dh-gex.ts';
import type { ClientExchange as MethodExchange, KexHash, KexMethod } from '../crypto/kex/kex-method.ts';
import { KexError } from '../crypto/kex/kex-method.ts';
import { createKexMethod } from '../crypto/kex/kex-constructors.ts';
import type { PrivateKey, PublicKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import { parsePublicKey } from '../crypto/keys/public-key.ts';
import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import { DISCONNECT_REASON, SshDisconnect } from './disconnect.ts';
import { SSH_MSG } from './messages.ts';

export const GEX_SHA256 = 'diffie-hellman-group-exchange-sha256';

/** What goes into the exchange hash before the method's own values (RFC 4253 §8). */
export interface ExchangeContext {
  readonly clientVersion: string;
  readonly serverVersion: string;
  readonly clientKexInit: Buffer;
  readonly serverKexInit: Buffer;
  readonly method: string;
}

/** What a server signs with, and how small a group of group exchange may be, in bits. */
export interface ServerExchangeKeys {
  readonly hostKey: PrivateKey;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly groupExchangeMinBits?: number | undefined;
}

export interface ExchangeResult {
  readonly hash: KexHash;
  /** K in its wire encoding; the taker overwrites it. */
  readonly sharedSecret: Buffer;
  /** H. */
  readonly exchangeHash: Buffer;
  readonly hostKey: PublicKey;
  /** Bytes of both public values, as a figure for logs. */
  readonly publicBytes: { readonly client: number; readonly server: number };
}

/** Messages to send now, and the result once there is one. */
export interface ExchangeStep {
  readonly send: readonly Buffer[];
  readonly result: ExchangeResult | null;
}

/** The values that group exchange adds to H (RFC 4419 §3): min, n, max, p, g. */
type GexValues = { readonly sizes: readonly [number, number, number]; readonly p: Buffer; readonly g: Buffer };

const PUBLIC_MAX_BYTES = 4096;
const GEX_MAX_BITS = 8192;

function exchangeHash(
  context: ExchangeContext,
  method: KexMethod,
  hostKeyBlob: Buffer,
  gex: GexValues | null,
  init: Buffer,
  reply: Buffer,
  sharedSecret: Buffer,
): Buffer {
  const writer = new SshWriter(8192)
    .string(context.clientVersion)
    .string(context.serverVersion)
    .string(context.clientKexInit)
    .string(context.serverKexInit)
    .string(hostKeyBlob);
  if (gex !== null) {
    for (const size of gex.sizes) writer.uint32(size);
    writer.unsignedMpint(gex.p).unsignedMpint(gex.g);
  }
  writePublic(writer, method, init);
  writePublic(writer, method, reply);
  writer.bytes(sharedSecret);
  const input = writer.finish();
  const digest = createHash(method.hash).update(input).digest();
  input.fill(0);
  return digest;
}

function writePublic(writer: SshWriter, method: KexMethod, value: Buffer): SshWriter {
  return method.publicEncoding === 'mpint' ? writer.unsignedMpint(value) : writer.string(value);
}

function readPublic(reader: SshReader, method: KexMethod): Buffer {
  return method.publicEncoding === 'mpint' ? reader.unsignedMpint(PUBLIC_MAX_BYTES) : reader.string(PUBLIC_MAX_BYTES);
}

function unexpected(message: number): SshDisconnect {
  return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, `unexpected message ${message} during key exchange`);
}

/** Turns a method's complaint into what the peer is told (reason 3). */
async function orFail<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof KexError) {
      throw new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, `key exchange failed: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** The server's side of one key exchange, from the client's first method message to our reply. */
export class ServerExchange {
  readonly #context: ExchangeContext;
  readonly #hostKey: PrivateKey;
  readonly #signatureAlgorithm: SignatureAlgorithm;
  readonly #groupExchangeMinBits: number | undefined;
  #method: KexMethod | null;
  #gex: GexValues | null = null;
  #done = false;

  constructor(context: ExchangeContext, { hostKey, signatureAlgorithm, groupExchangeMinBits }: ServerExchangeKeys) {
    this.#context = context;
    this.#hostKey = hostKey;
    this.#signatureAlgorithm = signatureAlgorithm;
    this.#groupExchangeMinBits = groupExchangeMinBits;
    this.#method = context.method === GEX_SHA256 ? null : createKexMethod(context.method);
  }

  async receive(payload: Buffer): Promise<ExchangeStep> {
    const reader = new SshReader(payload);
    const message = reader.byte();
    if (this.#done) throw unexpected(message);
    if (this.#method === null) {
      if (message !== SSH_MSG.KEX_DH_GEX_REQUEST) throw unexpected(message);
      return { send: [this.#chooseGroup(reader)], result: null };
    }
    if (message !== (this.#gex === null ? SSH_MSG.KEX_ECDH_INIT : SSH_MSG.KEX_DH_GEX_INIT)) throw unexpected(message);
    const init = Buffer.from(readPublic(reader, this.#method));
    reader.end();
    this.#done = true;
    return this.#respond(this.#method, init);
  }

  #chooseGroup(reader: SshReader): Buffer {
    const sizes = [reader.uint32(), reader.uint32(), reader.uint32()] as const;
    reader.end();
    const [min, preferred, max] = sizes;
    const group =
      min <= preferred && preferred <= max ? chooseGexGroup(min, preferred, max, this.#groupExchangeMinBits) : null;
    if (group === null) {
      throw new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, 'no group of the wanted size for group exchange', {
        detail: { min, preferred, max },
      });
    }
    this.#gex = { sizes, p: group.p, g: group.g };
    this.#method = createGexMethod(group);
    return new SshWriter(group.p.length + 64)
      .byte(SSH_MSG.KEX_DH_GEX_GROUP)
      .unsignedMpint(group.p)
      .unsignedMpint(group.g)
      .finish();
  }

  async #respond(method: KexMethod, init: Buffer): Promise<ExchangeStep> {
    const { reply, sharedSecret } = await orFail(method.respond(init));
    const hostKey = this.#hostKey.publicKey;
    const hash = exchangeHash(this.#context, method, hostKey.blob, this.#gex, init, reply, sharedSecret);
    const signature = await this.#hostKey.sign(this.#signatureAlgorithm, hash);
    const writer = new SshWriter(4096)
      .byte(this.#gex === null ? SSH_MSG.KEX_ECDH_REPLY : SSH_MSG.KEX_DH_GEX_REPLY)
      .string(hostKey.blob);
    return {
      send: [writePublic(writer, method, reply).string(signature).finish()],
      result: {
        hash: method.hash,
        sharedSecret,
        exchangeHash: hash,
        hostKey,
        publicBytes: { client: init.length, server: reply.length },
      },
    };
  }
}

/** Decides whether a host key is the wanted one; false ends the connection with HOST_KEY_NOT_VERIFIABLE. */
export type HostKeyVerifier = (hostKey: PublicKey) => boolean | Promise<boolean>;

/** The client's side of one key exchange. */
export class ClientExchange {
  readonly #context: ExchangeContext;
  readonly #signatureAlgorithm: SignatureAlgorithm;
  readonly #verifyHostKey: HostKeyVerifier;
  #method: KexMethod | null;
  #exchange: MethodExchange | null = null;
  #gex: GexValues | null = null;
  #done = false;

  /** RFC 4419 §3: what we ask for. */
  static readonly GEX_SIZES = [2048, 3072, GEX_MAX_BITS] as const;

  constructor(context: ExchangeContext, signatureAlgorithm: SignatureAlgorithm, verifyHostKey: HostKeyVerifier) {
    this.#context = context;
    this.#signatureAlgorithm = signatureAlgorithm;
    this.#verifyHostKey = verifyHostKey;
    this.#method = context.method === GEX_SHA256 ? null : createKexMethod(context.method);
  }

  start(): Buffer {
    if (this.#method !== null) return this.#init(this.#method);
    const writer = new SshWriter(16).byte(SSH_MSG.KEX_DH_GEX_REQUEST);
    for (const size of ClientExchange.GEX_SIZES) writer.uint32(size);
    return writer.finish();
  }

  async receive(payload: Buffer): Promise<ExchangeStep> {
    const reader = new SshReader(payload);
    const message = reader.byte();
    if (this.#done) throw unexpected(message);
    if (this.#method === null) {
      if (message !== SSH_MSG.KEX_DH_GEX_GROUP) throw unexpected(message);
      return { send: [this.#takeGroup(reader)], result: null };
    }
    const method = this.#method;
    const exchange = this.#exchange;
    if (exchange === null || message !== (this.#gex === null ? SSH_MSG.KEX_ECDH_REPLY : SSH_MSG.KEX_DH_GEX_REPLY)) {
      throw unexpected(message);
    }
    const hostKeyBlob = Buffer.from(reader.string(PUBLIC_MAX_BYTES * 4));
    const reply = Buffer.from(readPublic(reader, method));
    const signature = reader.string(PUBLIC_MAX_BYTES * 4);
    reader.end();
    this.#done = true;
    const hostKey = parsePublicKey(hostKeyBlob);
    const sharedSecret = await orFail(exchange.finish(reply));
    const hash = exchangeHash(this.#context, method, hostKeyBlob, this.#gex, exchange.init, reply, sharedSecret);
    if (
      !hostKey.signatureAlgorithms.includes(this.#signatureAlgorithm) ||
      !hostKey.verify(this.#signatureAlgorithm, signature, hash)
    ) {
      throw new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, 'host key signature does not verify');
    }
    if (!(await this.#verifyHostKey(hostKey))) {
      throw new SshDisconnect(DISCONNECT_REASON.HOST_KEY_NOT_VERIFIABLE, 'host key not accepted');
    }
    return {
      send: [],
      result: {
        hash: method.hash,
        sharedSecret,
        exchangeHash: hash,
        hostKey,
        publicBytes: { client: exchange.init.length, server: reply.length },
      },
    };
  }

  dispose(): void {
    this.#exchange?.dispose();
  }

  #takeGroup(reader: SshReader): Buffer {
    // One byte more: an mpint whose top bit is set, and a modulus of the largest size has it, begins with a zero.
    const p = Buffer.from(reader.unsignedMpint(GEX_MAX_BITS / 8 + 1));
    const g = Buffer.from(reader.unsignedMpint(GEX_MAX_BITS / 8 + 1));
    reader.end();
    if (p.length * 8 < ClientExchange.GEX_SIZES[0]) {
      throw new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, 'the group is too small');
    }
    this.#gex = { sizes: ClientExchange.GEX_SIZES, p, g };
    this.#method = createGexMethod({ p, g });
    return this.#init(this.#method);
  }

  #init(method: KexMethod): Buffer {
    this.#exchange = method.startClient();
    const writer = new SshWriter(2048).byte(this.#gex === null ? SSH_MSG.KEX_ECDH_INIT : SSH_MSG.KEX_DH_GEX_INIT);
    return writePublic(writer, method, this.#exchange.init).finish();
  }
}
