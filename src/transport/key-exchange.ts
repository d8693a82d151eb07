import { createHash } from 'node:crypto';
import { chooseGexGroup, createGexMethod } from '../crypto/kex/dh-gex.ts';
import type { ClientExchange as MethodExchange, KexHash, KexMethod } from '../crypto/kex/kex-method.ts';
import { KexError } from '../crypto/kex/kex-method.ts';
import { createKexMethod } from '../crypto/kex/kex-constructors.ts';
import type { PublicKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import { parsePublicKey } from '../crypto/keys/public-key.ts';
import { SshWriter } from '../wire/writer.ts';
import { DISCONNECT_REASON, SshDisconnect } from './disconnect.ts';
import type { HostCredential } from './host-credential.ts';
import type { GexGroup, GexSizes, KexReplyMessage, ValueMessages } from './kex-messages.ts';
import {
  decodeGexGroup,
  decodeGexRequest,
  decodeKexReply,
  decodeKexValue,
  encodeGexGroup,
  encodeGexRequest,
  encodeKexReply,
  encodeKexValue,
  GEX_MAX_BITS,
  GEX_MESSAGES,
  METHOD_MESSAGES,
  writePublic,
} from './kex-messages.ts';
import { SSH_MSG } from './messages.ts';

const GEX_SHA256 = 'diffie-hellman-group-exchange-sha256';

/** What goes into the exchange hash before the method's own values (RFC 4253 §8). */
export interface ExchangeContext {
  readonly clientVersion: string;
  readonly serverVersion: string;
  readonly clientKexInit: Buffer;
  readonly serverKexInit: Buffer;
  readonly method: string;
}

/** What a server signs with, and how small a group of group exchange may be, in bits. */
export interface ServerExchangeKeys extends HostCredential {
  readonly groupExchangeMinBits?: number | undefined;
}

export interface ExchangeResult {
  readonly hash: KexHash;
  /** K in its wire encoding; the taker overwrites it. */
  readonly sharedSecret: Buffer;
  /** H. */
  readonly exchangeHash: Buffer;
  /** Of a certificate: the key in it. */
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
type GexValues = GexGroup & { readonly sizes: GexSizes };

/** A method and, where group exchange made it, the values of its group. */
interface Course {
  readonly method: KexMethod;
  readonly gex: GexValues | null;
}

/** What both sides said to each other, and what came of it. */
interface Exchanged {
  readonly hostKeyBlob: Buffer;
  readonly init: Buffer;
  readonly reply: Buffer;
  readonly sharedSecret: Buffer;
}

/** Where what H is of is put together, of one exchange after the other; what is secret of it is wiped each time. */
const HASH_INPUT = Buffer.allocUnsafeSlow(8192);

function exchangeHash(context: ExchangeContext, { method, gex }: Course, exchanged: Exchanged): Buffer {
  const writer = new SshWriter(HASH_INPUT)
    .string(context.clientVersion)
    .string(context.serverVersion)
    .string(context.clientKexInit)
    .string(context.serverKexInit)
    .string(exchanged.hostKeyBlob);
  if (gex !== null) {
    for (const size of gex.sizes) writer.uint32(size);
    writer.unsignedMpint(gex.p).unsignedMpint(gex.g);
  }
  writePublic(writer, method.publicEncoding, exchanged.init);
  writePublic(writer, method.publicEncoding, exchanged.reply);
  writer.bytes(exchanged.sharedSecret);
  const input = writer.finish();
  const digest = createHash(method.hash).update(input).digest();
  input.fill(0, input.length - exchanged.sharedSecret.length);
  return digest;
}

/** The numbers of the messages with the public values. */
function messagesOf({ gex }: Course): ValueMessages {
  return gex === null ? METHOD_MESSAGES : GEX_MESSAGES;
}

/** The method that is known from the start; null where a group has to be chosen first. */
function fixedCourse(method: string): Course | null {
  return method === GEX_SHA256 ? null : { method: createKexMethod(method), gex: null };
}

function requireNumber(payload: Buffer, number: number): void {
  const received = payload[0] ?? 0;
  if (received !== number) throw unexpected(received);
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

type ServerState =
  | { readonly name: 'group-wanted' }
  | { readonly name: 'init-wanted'; readonly course: Course }
  | { readonly name: 'answered' };

/** The server's side of one key exchange, from the client's first method message to our reply. */
export class ServerExchange {
  readonly #context: ExchangeContext;
  readonly #keys: ServerExchangeKeys;
  #state: ServerState;

  constructor(context: ExchangeContext, keys: ServerExchangeKeys) {
    this.#context = context;
    this.#keys = keys;
    const course = fixedCourse(context.method);
    this.#state = course === null ? { name: 'group-wanted' } : { name: 'init-wanted', course };
  }

  async receive(payload: Buffer): Promise<ExchangeStep> {
    const state = this.#state;
    switch (state.name) {
      case 'group-wanted':
        requireNumber(payload, SSH_MSG.KEX_DH_GEX_REQUEST);
        return { send: [this.#chooseGroup(decodeGexRequest(payload))], result: null };
      case 'init-wanted': {
        requireNumber(payload, messagesOf(state.course).init);
        const init = Buffer.from(decodeKexValue(payload, state.course.method.publicEncoding));
        this.#state = { name: 'answered' };
        return this.#respond(state.course, init);
      }
      case 'answered':
        throw unexpected(payload[0] ?? 0);
    }
  }

  #chooseGroup(sizes: GexSizes): Buffer {
    const [min, preferred, max] = sizes;
    const group =
      min <= preferred && preferred <= max
        ? chooseGexGroup(min, preferred, max, this.#keys.groupExchangeMinBits)
        : null;
    if (group === null) {
      throw new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, 'no group of the wanted size for group exchange', {
        detail: { min, preferred, max },
      });
    }
    const course = { method: createGexMethod(group), gex: { sizes, p: group.p, g: group.g } };
    this.#state = { name: 'init-wanted', course };
    return encodeGexGroup(group);
  }

  async #respond(course: Course, init: Buffer): Promise<ExchangeStep> {
    const { method } = course;
    const { reply, sharedSecret } = await orFail(method.respond(init));
    const { hostKey, hostKeyBlob, signatureAlgorithm } = this.#keys;
    const hash = exchangeHash(this.#context, course, { hostKeyBlob, init, reply, sharedSecret });
    const signature = await hostKey.sign(signatureAlgorithm, hash);
    return {
      send: [encodeKexReply(messagesOf(course).reply, method.publicEncoding, { hostKeyBlob, reply, signature })],
      result: {
        hash: method.hash,
        sharedSecret,
        exchangeHash: hash,
        hostKey: hostKey.publicKey,
        publicBytes: { client: init.length, server: reply.length },
      },
    };
  }
}

/** Decides whether a host key is the wanted one; false ends the connection with HOST_KEY_NOT_VERIFIABLE. */
export type HostKeyVerifier = (hostKey: PublicKey) => boolean | Promise<boolean>;

type ClientState =
  | { readonly name: 'group-wanted' }
  | { readonly name: 'reply-wanted'; readonly course: Course; readonly exchange: MethodExchange }
  | { readonly name: 'answered'; readonly exchange: MethodExchange };

/** RFC 4419 §3: what we ask for. */
const GEX_SIZES: GexSizes = [2048, 3072, GEX_MAX_BITS];

/** The client's side of one key exchange. */
export class ClientExchange {
  /** To be sent at once. */
  readonly firstMessage: Buffer;
  readonly #context: ExchangeContext;
  readonly #signatureAlgorithm: SignatureAlgorithm;
  readonly #verifyHostKey: HostKeyVerifier;
  #state: ClientState = { name: 'group-wanted' };

  constructor(context: ExchangeContext, signatureAlgorithm: SignatureAlgorithm, verifyHostKey: HostKeyVerifier) {
    this.#context = context;
    this.#signatureAlgorithm = signatureAlgorithm;
    this.#verifyHostKey = verifyHostKey;
    const course = fixedCourse(context.method);
    this.firstMessage = course === null ? encodeGexRequest(GEX_SIZES) : this.#init(course);
  }

  async receive(payload: Buffer): Promise<ExchangeStep> {
    const state = this.#state;
    switch (state.name) {
      case 'group-wanted':
        requireNumber(payload, SSH_MSG.KEX_DH_GEX_GROUP);
        return { send: [this.#takeGroup(decodeGexGroup(payload))], result: null };
      case 'reply-wanted': {
        const { course, exchange } = state;
        requireNumber(payload, messagesOf(course).reply);
        const message = decodeKexReply(payload, course.method.publicEncoding);
        this.#state = { name: 'answered', exchange };
        return this.#finish(course, exchange, message);
      }
      case 'answered':
        throw unexpected(payload[0] ?? 0);
    }
  }

  dispose(): void {
    if (this.#state.name !== 'group-wanted') this.#state.exchange.dispose();
  }

  async #finish(course: Course, exchange: MethodExchange, message: KexReplyMessage): Promise<ExchangeStep> {
    const { init } = exchange;
    const hostKeyBlob = Buffer.from(message.hostKeyBlob);
    const reply = Buffer.from(message.reply);
    const hostKey = parsePublicKey(hostKeyBlob);
    const sharedSecret = await orFail(exchange.finish(reply));
    const hash = exchangeHash(this.#context, course, { hostKeyBlob, init, reply, sharedSecret });
    if (
      !hostKey.signatureAlgorithms.includes(this.#signatureAlgorithm) ||
      !hostKey.verify(this.#signatureAlgorithm, message.signature, hash)
    ) {
      throw new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, 'host key signature does not verify');
    }
    if (!(await this.#verifyHostKey(hostKey))) {
      throw new SshDisconnect(DISCONNECT_REASON.HOST_KEY_NOT_VERIFIABLE, 'host key not accepted');
    }
    return {
      send: [],
      result: {
        hash: course.method.hash,
        sharedSecret,
        exchangeHash: hash,
        hostKey,
        publicBytes: { client: init.length, server: reply.length },
      },
    };
  }

  #takeGroup(group: GexGroup): Buffer {
    const p = Buffer.from(group.p);
    const g = Buffer.from(group.g);
    if (p.length * 8 < GEX_SIZES[0]) {
      throw new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, 'the group is too small');
    }
    return this.#init({ method: createGexMethod({ p, g }), gex: { sizes: GEX_SIZES, p, g } });
  }

  #init(course: Course): Buffer {
    const exchange = course.method.startClient();
    this.#state = { name: 'reply-wanted', course, exchange };
    return encodeKexValue(messagesOf(course).init, course.method.publicEncoding, exchange.init);
  }
}
