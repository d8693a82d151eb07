import type { PublicKey, SignatureAlgorithm } from '../crypto/keys.ts';
import { parsePublicKey } from '../crypto/public-key.ts';
import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { WireError } from '../wire/wire-error.ts';
import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import type { Identity, IdentityProvider } from './identity.ts';
import {
  MAX_KEY_BLOB_BYTES,
  MAX_KEY_QUERIES,
  MAX_PASSWORD_BYTES,
  MAX_REQUESTS,
  MAX_SIGNATURE_BYTES,
  MAX_USER_NAME_BYTES,
  MAX_WAITING_REQUESTS,
} from './limits.ts';
import { verifyPassword } from './password-hash.ts';
import { PasswordTurns } from './password-turns.ts';

/** Message numbers of RFC 4252 §6 and §7. */
export const SSH_MSG_USERAUTH = { REQUEST: 50, FAILURE: 51, SUCCESS: 52, BANNER: 53, PK_OK: 60 } as const;

/** One for all connections of the process: what they share is its threads and memory. */
const passwordTurns = new PasswordTurns();

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

const CONNECTION_SERVICE = 'ssh-connection';

export type AuthMethod = 'publickey' | 'password';

export interface AuthSuccess<T extends Identity> {
  readonly identity: T;
  readonly method: AuthMethod;
  /** Only with publickey. */
  readonly publicKey: PublicKey | null;
  readonly signatureAlgorithm: SignatureAlgorithm | null;
}

export interface AuthFailure {
  /** As the client gave it: hostile text. */
  readonly userName: string;
  readonly method: string;
  readonly reason:
    | 'wrong-password'
    | 'unknown-user-or-key'
    | 'wrong-signature'
    | 'algorithm-not-allowed'
    | 'bad-key'
    | 'method-not-available'
    | 'provider-failed'
    /** A bug, or a hash that is none: `error` says which. */
    | 'internal-error'
    | 'too-busy'
    | 'too-many-connections';
  /** Of the key that was tried. */
  readonly fingerprint: string | null;
  readonly error?: unknown;
}

export interface ServerAuthOptions<T extends Identity> {
  readonly provider: IdentityProvider<T>;
  readonly remoteAddress: string;
  /** What counts as one client with `remoteAddress`, for sharing what is scarce. */
  readonly source: string;
  readonly sessionId: Buffer;
  /** Signature algorithms that user keys may use: the list of `server-sig-algs`. */
  readonly userKeyAlgorithms: readonly SignatureAlgorithm[];
  readonly methods: readonly AuthMethod[];
  readonly maxAttempts: number;
  /** Sent before the first answer where not empty (RFC 4252 §5.4). */
  readonly banner: string;
  send(payload: Buffer): void;
  disconnect(reason: SshDisconnect): void;
  /** Whether somebody who has proved to be this user may have the connection. */
  admit(identity: T): boolean | Promise<boolean>;
  onSuccess(success: AuthSuccess<T>): void;
  onFailure(failure: AuthFailure): void;
}

/** The server's side of RFC 4252: public key and password. One request is answered after the other. */
export class ServerAuth<T extends Identity> {
  readonly #options: ServerAuthOptions<T>;
  readonly #waiting: Buffer[] = [];
  #running = false;
  #done = false;
  #succeeded = false;
  #bannerSent = false;
  #requests = 0;
  #queries = 0;
  #failures = 0;

  constructor(options: ServerAuthOptions<T>) {
    this.#options = options;
  }

  /** Takes an SSH_MSG_USERAUTH_REQUEST. Throws WireError or SshDisconnect for what cannot be answered. */
  receive(payload: Buffer): void {
    // RFC 4252 §5.1: requests after success are ignored.
    if (this.#done) return;
    if (this.#waiting.length >= MAX_WAITING_REQUESTS) {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'too many authentication requests at once');
    }
    this.#waiting.push(Buffer.from(payload));
    payload.fill(0);
    if (!this.#running) void this.#run();
  }

  /** The client asks for the service that runs: `accept` answers it, and it counts as a request. */
  serviceRequestedAgain(accept: () => void): void {
    this.#countRequest();
    accept();
  }

  /** The connection is gone: what waits is not looked at any more. */
  cancel(): void {
    this.#done = true;
    for (const payload of this.#waiting.splice(0)) payload.fill(0);
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      for (let payload = this.#waiting.shift(); payload !== undefined && !this.#done; payload = this.#waiting.shift()) {
        try {
          await this.#answer(payload);
        } finally {
          payload.fill(0);
        }
      }
    } catch (error) {
      this.#done = true;
      this.#options.disconnect(asEnd(error));
    } finally {
      for (const payload of this.#waiting) payload.fill(0);
      this.#running = false;
    }
  }

  async #answer(payload: Buffer): Promise<void> {
    this.#countRequest();
    const reader = new SshReader(payload, 1);
    const userName = reader.utf8(MAX_USER_NAME_BYTES);
    const service = reader.ascii(64);
    const method = reader.ascii(64);
    if (service !== CONNECTION_SERVICE) {
      throw new SshDisconnect(DISCONNECT_REASON.SERVICE_NOT_AVAILABLE, `no such service after authentication`);
    }
    this.#sendBanner();
    if (method === 'none') {
      this.#sendFailure();
      return;
    }
    try {
      await this.#try(userName, method, reader);
    } catch (error) {
      // What is no fault of the client's must not be told as one. After the answer there is none left to give.
      if (error instanceof SshDisconnect || error instanceof WireError || this.#succeeded) throw error;
      this.#fail({ userName, method, reason: 'internal-error', fingerprint: null, error });
    }
  }

  async #try(userName: string, method: string, reader: SshReader): Promise<void> {
    switch (this.#options.methods.find((name) => name === method)) {
      case 'publickey':
        return this.#publicKey(userName, reader);
      case 'password':
        return this.#password(userName, reader);
      case undefined: {
        this.#fail({ userName, method, reason: 'method-not-available', fingerprint: null });
        return;
      }
    }
  }

  async #password(userName: string, reader: SshReader): Promise<void> {
    const change = reader.boolean();
    const password = asPassword(reader.string());
    if (change) reader.string();
    reader.end();
    const failure = { userName, method: 'password', fingerprint: null } as const;
    const { provider } = this.#options;
    const identity = await this.#find(userName, failure);
    if (identity === 'provider-failed') return;
    const right = await passwordTurns.run(
      this.#options.source,
      () => !this.#done,
      () => verifyPassword(password, identity?.passwordHash ?? null, provider.decoyHash),
    );
    if (right === 'unwanted') return;
    if (right === 'busy') {
      // Not an attempt: nobody has looked at the password.
      this.#options.onFailure({ ...failure, reason: 'too-busy' });
      this.#sendFailure();
      return;
    }
    if (identity === null || !right || change) {
      this.#fail({ ...failure, reason: 'wrong-password' });
      return;
    }
    await this.#succeed({ identity, method: 'password', publicKey: null, signatureAlgorithm: null });
  }

  async #publicKey(userName: string, reader: SshReader): Promise<void> {
    const signed = reader.boolean();
    const algorithmName = reader.ascii(128);
    const blob = reader.string(MAX_KEY_BLOB_BYTES);
    const signedBytes = reader.offset;
    const signature = signed ? reader.string(MAX_SIGNATURE_BYTES) : null;
    reader.end();
    const failure = { userName, method: 'publickey', fingerprint: null } as const;
    const algorithm = this.#options.userKeyAlgorithms.find((name) => name === algorithmName);
    if (algorithm === undefined) {
      this.#queryFailed({ ...failure, reason: 'algorithm-not-allowed' });
      return;
    }
    let key: PublicKey;
    try {
      key = parsePublicKey(Buffer.from(blob));
    } catch (error) {
      // A key that cannot be parsed fails this attempt, not the connection.
      this.#queryFailed({ ...failure, reason: 'bad-key', error });
      return;
    }
    if (!key.signatureAlgorithms.includes(algorithm)) {
      this.#queryFailed({ ...failure, reason: 'bad-key' });
      return;
    }
    const tried = { ...failure, fingerprint: key.fingerprint };
    const identity = await this.#find(userName, tried);
    if (identity === 'provider-failed') return;
    const known = identity?.publicKeys.some((candidate) => candidate.blob.equals(key.blob)) ?? false;
    if (identity === null || !known) {
      this.#queryFailed({ ...tried, reason: 'unknown-user-or-key' });
      return;
    }
    if (signature === null) {
      this.#queries += 1;
      if (this.#queries > MAX_KEY_QUERIES) throw tooMany();
      this.#options.send(new SshWriter(1024).byte(SSH_MSG_USERAUTH.PK_OK).string(algorithm).string(key.blob).finish());
      return;
    }
    // RFC 4252 §7: the session identifier and the request up to the signature.
    const data = new SshWriter(4096).string(this.#options.sessionId).bytes(reader.slice(0, signedBytes)).finish();
    if (!key.verify(algorithm, signature, data)) {
      this.#fail({ ...tried, reason: 'wrong-signature' });
      return;
    }
    await this.#succeed({ identity, method: 'publickey', publicKey: key, signatureAlgorithm: algorithm });
  }

  async #find(userName: string, failure: Omit<AuthFailure, 'reason'>): Promise<T | null | 'provider-failed'> {
    try {
      return await this.#options.provider.find(userName, { remoteAddress: this.#options.remoteAddress });
    } catch (error) {
      this.#fail({ ...failure, reason: 'provider-failed', error });
      return 'provider-failed';
    }
  }

  async #succeed(success: AuthSuccess<T>): Promise<void> {
    const { identity, method, publicKey } = success;
    const admitted = await this.#options.admit(identity);
    // The client has gone.
    if (this.#done) return;
    if (!admitted) {
      const fingerprint = publicKey?.fingerprint ?? null;
      this.#options.onFailure({ userName: identity.name, method, reason: 'too-many-connections', fingerprint });
      throw new SshDisconnect(DISCONNECT_REASON.TOO_MANY_CONNECTIONS, 'too many connections of this user');
    }
    this.#done = true;
    this.#succeeded = true;
    this.#options.send(Buffer.from([SSH_MSG_USERAUTH.SUCCESS]));
    this.#options.onSuccess(success);
  }

  #queryFailed(failure: AuthFailure): void {
    this.#queries += 1;
    this.#options.onFailure(failure);
    if (this.#queries > MAX_KEY_QUERIES) throw tooMany();
    this.#sendFailure();
  }

  #fail(failure: AuthFailure): void {
    this.#failures += 1;
    this.#options.onFailure(failure);
    if (this.#failures >= this.#options.maxAttempts) throw tooMany();
    this.#sendFailure();
  }

  #sendFailure(): void {
    this.#options.send(
      new SshWriter(64).byte(SSH_MSG_USERAUTH.FAILURE).nameList(this.#options.methods).boolean(false).finish(),
    );
  }

  #countRequest(): void {
    this.#requests += 1;
    if (this.#requests > MAX_REQUESTS) throw tooMany();
  }

  #sendBanner(): void {
    if (this.#bannerSent || this.#options.banner === '') return;
    this.#bannerSent = true;
    const text = this.#options.banner.replace(/\r?\n/g, '\r\n');
    this.#options.send(new SshWriter(256).byte(SSH_MSG_USERAUTH.BANNER).string(text).string('').finish());
  }
}

/** What cannot be anybody's password (too long, not UTF-8) fails like a wrong one, after the same work. */
function asPassword(bytes: Buffer): string {
  if (bytes.length > MAX_PASSWORD_BYTES) return '';
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return '';
  }
}

/** How the connection ends when answering a request failed with `error`. */
function asEnd(error: unknown): SshDisconnect {
  if (error instanceof SshDisconnect) return error;
  if (error instanceof WireError) {
    return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'malformed authentication request', { cause: error });
  }
  return new SshDisconnect(DISCONNECT_REASON.BY_APPLICATION, 'internal error', { cause: error });
}

function tooMany(): SshDisconnect {
  return new SshDisconnect(DISCONNECT_REASON.NO_MORE_AUTH_METHODS_AVAILABLE, 'too many authentication failures');
}
