import type { Certificate } from '../crypto/certificates/certificate.ts';
import { signatureAlgorithmOf } from '../crypto/certificates/certificate-names.ts';
import type { PublicKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import { parsePublicKey } from '../crypto/keys/public-key.ts';
import type { RevocationList } from '../crypto/keys/revocation-list.ts';
import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { WireError } from '../wire/wire-error.ts';
import { judgeCertificate, readOfferedCertificate, revokedNow } from './certificate-login.ts';
import type { FailureReason } from './failure-reasons.ts';
import type { Identity, IdentityProvider } from './identity.ts';
import { MAX_KEY_QUERIES, MAX_REQUESTS, MAX_WAITING_REQUESTS } from './limits.ts';
import { asEnd, tooMany } from './login-end.ts';
import type { PublicKeyFields } from './messages.ts';
import {
  decodePasswordFields,
  decodePublicKeyFields,
  decodeUserAuthRequest,
  encodeSignedData,
  encodeUserAuthBanner,
  encodeUserAuthFailure,
  encodeUserAuthPkOk,
  encodeUserAuthSuccess,
} from './messages.ts';
import { verifyPassword } from './password-hash.ts';
import { PasswordSemaphore } from './password-semaphore.ts';
import { asPassword } from './password-text.ts';
import { keyRefusal, passwordRefusal } from './refusals.ts';
import { triedCertificate, triedKey, type TriedKey } from './tried-key.ts';

/** One for all connections of the process: what they share is its threads and memory. */
const passwordTurns = new PasswordSemaphore();

const CONNECTION_SERVICE = 'ssh-connection';

export type AuthMethod = 'publickey' | 'password';

export interface AuthSuccess<T extends Identity> {
  readonly identity: T;
  readonly method: AuthMethod;
  /** Only with publickey; of a certificate: the key in it. */
  readonly publicKey: PublicKey | null;
  readonly signatureAlgorithm: SignatureAlgorithm | null;
  /** Where the key is the user's because a CA says so. */
  readonly certificate: Certificate | null;
}

export interface AuthFailure {
  /** As the client gave it: hostile text. */
  readonly userName: string;
  readonly method: string;
  readonly reason: FailureReason;
  /** Only with publickey. */
  readonly key: TriedKey | null;
  /** Whether the key is the user's or certified by a CA of the user's: then it is revoked, or something else than the key is at fault. */
  readonly keyIsUsers?: boolean;
  readonly error?: unknown;
}

/** What somebody is told who has the right credential, before the answer to it. */
export interface SessionJudgement {
  readonly banner: string;
  /** Why the user may not have such a session, and how the connection ends then; null where it may. */
  readonly refusal: { readonly reason: FailureReason; readonly words: string } | null;
}

export interface ServerAuthOptions<T extends Identity> {
  readonly provider: IdentityProvider<T>;
  readonly remoteAddress: string;
  /** What counts as one client with `remoteAddress`, for sharing what is scarce. */
  readonly source: string;
  readonly sessionId: Buffer;
  /** Signature algorithms that user keys may use, in certificates too, and with which a CA may sign those. */
  readonly userKeyAlgorithms: readonly SignatureAlgorithm[];
  /** A key that it revokes is nobody's. */
  readonly revokedKeys: RevocationList;
  readonly methods: readonly AuthMethod[];
  readonly maxAttempts: number;
  /** Sent before the first answer where not empty (RFC 4252 §5.4). */
  readonly banner: string;
  /** Milliseconds since the epoch; the clock of the machine where it is left out. */
  readonly now?: () => number;
  send(payload: Buffer): void;
  disconnect(reason: SshDisconnect): void;
  /** A request came, whatever becomes of it. The name is the client's word. */
  onRequest?(userName: string): void;
  /** About the session of somebody who has proved to be a user in this way; null where there is nothing to say. */
  judgeSession?(success: AuthSuccess<T>): SessionJudgement | null;
  /** Whether somebody who has proved to be this user may have the connection. */
  admit(identity: T): boolean | Promise<boolean>;
  onSuccess(success: AuthSuccess<T>): void;
  onFailure(failure: AuthFailure): void;
}

/** A request as far as every method has it, and as it came: a signature is over its bytes. */
interface Attempt {
  readonly userName: string;
  readonly fields: Buffer;
  readonly payload: Buffer;
}

/** Of somebody who has the right to log in with this key, and has not proved to have the key. */
type KeySuccess<T extends Identity> = AuthSuccess<T> & {
  readonly method: 'publickey';
  readonly publicKey: PublicKey;
  readonly signatureAlgorithm: SignatureAlgorithm;
};

/** Where the login stands. Of the last two none is left, whatever is still being checked. */
type State = 'waiting' | 'answering' | 'succeeded' | 'over';

/** The server's side of RFC 4252: public key and password. One request is answered after the other. */
export class ServerAuth<T extends Identity> {
  readonly #options: ServerAuthOptions<T>;
  readonly #waiting: Buffer[] = [];
  #state: State = 'waiting';
  #bannerSent = false;
  #requests = 0;
  #queries = 0;
  #failures = 0;

  constructor(options: ServerAuthOptions<T>) {
    this.#options = options;
  }

  /** Takes an SSH_MSG_USERAUTH_REQUEST. Throws SshDisconnect where too many wait. */
  receive(payload: Buffer): void {
    // RFC 4252 §5.1: requests after success are ignored.
    if (this.#done) return;
    if (this.#waiting.length >= MAX_WAITING_REQUESTS) {
      throw new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'too many authentication requests at once');
    }
    this.#waiting.push(Buffer.from(payload));
    payload.fill(0);
    if (this.#state === 'waiting') void this.#run();
  }

  /** The client asks for the service that runs: `accept` answers it, and it counts as a request. */
  serviceRequestedAgain(accept: () => void): void {
    this.#countRequest();
    accept();
  }

  /** The connection is gone: what waits is not looked at any more. */
  cancel(): void {
    if (this.#state !== 'succeeded') this.#state = 'over';
    for (const payload of this.#waiting.splice(0)) payload.fill(0);
  }

  get #done(): boolean {
    return this.#state === 'succeeded' || this.#state === 'over';
  }

  async #run(): Promise<void> {
    this.#state = 'answering';
    try {
      for (let payload = this.#waiting.shift(); payload !== undefined && !this.#done; payload = this.#waiting.shift()) {
        try {
          await this.#answer(payload);
        } finally {
          payload.fill(0);
        }
      }
    } catch (error) {
      this.#state = 'over';
      this.#options.disconnect(asEnd(error));
    } finally {
      for (const payload of this.#waiting) payload.fill(0);
      if (!this.#done) this.#state = 'waiting';
    }
  }

  async #answer(payload: Buffer): Promise<void> {
    this.#countRequest();
    const { userName, service, method, fields } = decodeUserAuthRequest(payload);
    this.#options.onRequest?.(userName);
    if (service !== CONNECTION_SERVICE) {
      throw new SshDisconnect(DISCONNECT_REASON.SERVICE_NOT_AVAILABLE, `no such service after authentication`);
    }
    this.#sendBanner();
    if (method === 'none') {
      this.#sendFailure();
      return;
    }
    try {
      await this.#try(method, { userName, fields, payload });
    } catch (error) {
      // What is no fault of the client's must not be told as one. After the answer there is none left to give.
      if (error instanceof SshDisconnect || error instanceof WireError || this.#state === 'succeeded') throw error;
      this.#fail({ userName, method, reason: 'internal-error', key: null, error });
    }
  }

  async #try(method: string, attempt: Attempt): Promise<void> {
    switch (this.#options.methods.find((name) => name === method)) {
      case 'publickey':
        return this.#publicKey(attempt);
      case 'password':
        return this.#password(attempt);
      case undefined: {
        this.#fail({ userName: attempt.userName, method, reason: 'method-not-available', key: null });
        return;
      }
    }
  }

  async #password({ userName, fields }: Attempt): Promise<void> {
    const { password: bytes, newPassword } = decodePasswordFields(fields);
    const password = asPassword(bytes);
    const failure = { userName, method: 'password', key: null } as const;
    const { provider } = this.#options;
    const identity = await this.#find(userName, () => failure);
    if (identity === 'provider-failed') return;
    const right = await passwordTurns.run(
      this.#options.source,
      () => !this.#done,
      // What cannot be anybody's password fails like a wrong one, after the same work.
      () =>
        verifyPassword(password ?? '', password === null ? null : (identity?.passwordHash ?? null), provider.decoyHash),
    );
    if (right === 'unwanted') return;
    if (right === 'busy') {
      // Not an attempt: nobody has looked at the password.
      this.#options.onFailure({ ...failure, reason: 'too-busy' });
      this.#sendFailure();
      return;
    }
    if (identity === null || !right || newPassword !== null) {
      this.#fail({ ...failure, reason: passwordRefusal(identity, newPassword) });
      return;
    }
    await this.#succeed({
      identity,
      ...{ method: 'password', publicKey: null, signatureAlgorithm: null, certificate: null },
    });
  }

  async #publicKey({ userName, fields, payload }: Attempt): Promise<void> {
    const request = decodePublicKeyFields(fields);
    if (signatureAlgorithmOf(request.algorithm) !== undefined) return this.#certificate(userName, request, payload);
    const { algorithm: algorithmName, blob } = request;
    // Hashes the key: only where there is something to tell.
    const failure = () => ({ userName, method: 'publickey', key: triedKey(algorithmName, blob) }) as const;
    const algorithm = this.#options.userKeyAlgorithms.find((name) => name === algorithmName);
    const revoked = this.#options.revokedKeys.revokesKey(blob);
    const identity = await this.#find(userName, failure);
    if (identity === 'provider-failed') return;
    const key = identity?.publicKeys.find((candidate) => candidate.blob.equals(blob));
    if (identity === null || revoked || algorithm === undefined || !key?.signatureAlgorithms.includes(algorithm)) {
      // The key is read for users that do not exist, too, so that it takes as long.
      const reason = keyRefusal({ identity, revoked, algorithm, offered: parsedKey(blob) });
      this.#queryFailed({ ...failure(), reason, keyIsUsers: key !== undefined });
      return;
    }
    const success = { identity, method: 'publickey', publicKey: key, signatureAlgorithm: algorithm } as const;
    await this.#prove({ ...success, certificate: null }, request, payload, failure);
  }

  async #certificate(userName: string, request: PublicKeyFields, payload: Buffer): Promise<void> {
    // Before the user is looked for, so that it takes its time for users that do not exist, too.
    const offered = readOfferedCertificate(request, this.#options);
    const failure = { userName, method: 'publickey', key: offered.tried } as const;
    const identity = await this.#find(userName, () => failure);
    if (identity === 'provider-failed') return;
    const judged = judgeCertificate(offered, identity, this.#options);
    if (judged.outcome === 'refused') {
      // A signature was verified for nothing: that counts as one of the client's own.
      if (offered.signature === 'wrong') this.#fail({ ...failure, ...judged.failure });
      else this.#queryFailed({ ...failure, ...judged.failure });
    } else await this.#prove({ ...judged.success, method: 'publickey' }, request, payload, () => failure);
  }

  /** The key is the user's: says so where the client only asks, or looks at its signature. */
  async #prove(
    success: KeySuccess<T>,
    { algorithm, blob, signature }: PublicKeyFields,
    payload: Buffer,
    failure: () => Omit<AuthFailure, 'reason'>,
  ): Promise<void> {
    if (signature === null) {
      this.#queries += 1;
      if (this.#queries > MAX_KEY_QUERIES) throw tooMany();
      this.#options.send(encodeUserAuthPkOk({ algorithm, blob }));
      return;
    }
    const data = encodeSignedData(this.#options.sessionId, payload, signature);
    if (!success.publicKey.verify(success.signatureAlgorithm, signature, data)) {
      this.#fail({ ...failure(), reason: 'wrong-signature', keyIsUsers: true });
      return;
    }
    await this.#succeed(success);
  }

  async #find(userName: string, failure: () => Omit<AuthFailure, 'reason'>): Promise<T | null | 'provider-failed'> {
    try {
      return await this.#options.provider.find(userName, { remoteAddress: this.#options.remoteAddress });
    } catch (error) {
      this.#fail({ ...failure(), reason: 'provider-failed', error });
      return 'provider-failed';
    }
  }

  async #succeed(success: AuthSuccess<T>): Promise<void> {
    this.#judge(success);
    const admitted = await this.#options.admit(success.identity);
    // The client has gone.
    if (this.#done) return;
    if (!admitted) {
      this.#refuse(success, 'too-many-connections');
      throw new SshDisconnect(DISCONNECT_REASON.TOO_MANY_CONNECTIONS, 'too many connections of this user');
    }
    // It may have been revoked meanwhile, and who looked for sessions to end has not found this one.
    const revoked = revokedNow(success, this.#options.revokedKeys);
    if (revoked !== null) {
      this.#refuse(success, revoked);
      throw new SshDisconnect(DISCONNECT_REASON.BY_APPLICATION, 'this key has been revoked');
    }
    this.#state = 'succeeded';
    this.#options.send(encodeUserAuthSuccess());
    this.#options.onSuccess(success);
  }

  /** Says what is to be said of such a session. Throws SshDisconnect where the user may not have it. */
  #judge(success: AuthSuccess<T>): void {
    // The client has gone while its credential was checked.
    if (this.#done) return;
    const judgement = this.#options.judgeSession?.(success) ?? null;
    if (judgement === null) return;
    this.#options.send(encodeUserAuthBanner(judgement.banner));
    if (judgement.refusal === null) return;
    const { reason, words } = judgement.refusal;
    this.#refuse(success, reason);
    throw new SshDisconnect(DISCONNECT_REASON.BY_APPLICATION, words);
  }

  /** The credential is right, and there is no login all the same. */
  #refuse(success: AuthSuccess<T>, reason: FailureReason): void {
    const { identity, method, publicKey, signatureAlgorithm, certificate } = success;
    const key =
      publicKey === null || signatureAlgorithm === null
        ? null
        : certificate !== null
          ? triedCertificate(signatureAlgorithm, certificate)
          : triedKey(signatureAlgorithm, publicKey.blob);
    this.#options.onFailure({ userName: identity.name, method, reason, key });
  }

  #queryFailed(failure: AuthFailure): void {
    this.#queries += 1;
    this.#tellFailure(failure);
    if (this.#queries > MAX_KEY_QUERIES) throw tooMany();
    this.#sendFailure();
  }

  #fail(failure: AuthFailure): void {
    this.#failures += 1;
    this.#tellFailure(failure);
    if (this.#failures >= this.#options.maxAttempts) throw tooMany();
    this.#sendFailure();
  }

  #tellFailure(failure: AuthFailure): void {
    const { provider, remoteAddress } = this.#options;
    const absence = failure.reason === 'unknown-user' && provider.whyAbsent?.(failure.userName, { remoteAddress });
    this.#options.onFailure(typeof absence === 'string' ? { ...failure, reason: absence } : failure);
  }

  #sendFailure(): void {
    this.#options.send(encodeUserAuthFailure({ methods: this.#options.methods, partialSuccess: false }));
  }

  #countRequest(): void {
    this.#requests += 1;
    if (this.#requests > MAX_REQUESTS) throw tooMany();
  }

  #sendBanner(): void {
    if (this.#bannerSent || this.#options.banner === '') return;
    this.#bannerSent = true;
    this.#options.send(encodeUserAuthBanner(this.#options.banner));
  }
}

/** A key that cannot be parsed fails its attempt, not the connection. */
function parsedKey(blob: Buffer): PublicKey | null {
  try {
    return parsePublicKey(Buffer.from(blob));
  } catch {
    return null;
  }
}
