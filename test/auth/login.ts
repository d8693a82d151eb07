import type { Identity, IdentityProvider } from '../../src/auth/identity.ts';
import {
  encodePasswordFields,
  encodePublicKeyFields,
  encodeSignedData,
  encodeUserAuthRequest,
} from '../../src/auth/messages.ts';
import type { AuthFailure, AuthSuccess, ServerAuthOptions } from '../../src/auth/server-auth.ts';
import { ServerAuth } from '../../src/auth/server-auth.ts';
import type { PrivateKey, SignatureAlgorithm } from '../../src/crypto/keys/key.ts';
import { NOTHING_REVOKED } from '../../src/crypto/keys/revocation-list.ts';
import type { SshDisconnect } from '../../src/transport/disconnect.ts';
import { until } from '../transport/transport-pair.ts';

export interface LoginOptions extends Partial<
  Pick<
    ServerAuthOptions<Identity>,
    | 'maxAttempts'
    | 'source'
    | 'methods'
    | 'banner'
    | 'userKeyAlgorithms'
    | 'revokedKeys'
    | 'admit'
    | 'judgeSession'
    | 'onSuccess'
    | 'now'
  >
> {
  /** The name that the client gives. */
  readonly userName?: string;
}

const logins: Login[] = [];

/** To be called after each test: what waits for its turn is not done for nobody. */
export function cancelLogins(): void {
  for (const { auth } of logins.splice(0)) auth.cancel();
}

export const SESSION_ID = Buffer.alloc(32, 5);

/** One client that logs in, without a connection, and what it and the operator were told. */
export class Login {
  readonly payloads: Buffer[] = [];
  readonly failures: AuthFailure[] = [];
  readonly successes: AuthSuccess<Identity>[] = [];
  readonly ends: SshDisconnect[] = [];
  /** The names of the users of all requests. */
  readonly requested: string[] = [];
  readonly auth: ServerAuth<Identity>;
  readonly #userName: string;

  constructor(provider: IdentityProvider, { userName = 'alice', onSuccess, ...options }: LoginOptions = {}) {
    this.#userName = userName;
    this.auth = new ServerAuth({
      provider,
      remoteAddress: '192.0.2.1',
      source: 's',
      sessionId: SESSION_ID,
      userKeyAlgorithms: ['ssh-ed25519'],
      revokedKeys: NOTHING_REVOKED,
      methods: ['publickey', 'password'],
      maxAttempts: 6,
      banner: '',
      admit: () => true,
      ...options,
      send: (payload) => this.payloads.push(payload),
      disconnect: (reason) => this.ends.push(reason),
      onRequest: (name) => this.requested.push(name),
      onSuccess: (success) => {
        this.successes.push(success);
        onSuccess?.(success);
      },
      onFailure: (failure) => this.failures.push(failure),
    });
    logins.push(this);
  }

  /** The numbers of the messages that were sent. */
  get sent(): number[] {
    return this.payloads.map(([number = 0]) => number);
  }

  request(method: string, fields: Buffer = Buffer.alloc(0), service = 'ssh-connection'): void {
    this.auth.receive(encodeUserAuthRequest({ userName: this.#userName, service, method, fields }));
  }

  password(password: string | Buffer, newPassword: string | null = null): void {
    this.request(
      'password',
      encodePasswordFields({
        password: Buffer.from(password),
        newPassword: newPassword === null ? null : Buffer.from(newPassword),
      }),
    );
  }

  /** Asks whether a key would do. */
  query(algorithm: string, blob: Buffer): void {
    this.request('publickey', encodePublicKeyFields({ algorithm, blob, signature: null }));
  }

  /** A signed request: `blob` and `algorithmName` are for certificates, and with the others for doing it wrong. */
  async sign(
    key: PrivateKey,
    algorithm: SignatureAlgorithm,
    wrong: {
      readonly blob?: Buffer;
      readonly algorithmName?: string;
      readonly sessionId?: Buffer;
      readonly signedName?: string;
      readonly tamper?: (signature: Buffer) => Buffer;
    } = {},
  ): Promise<void> {
    const { blob = key.publicKey.blob, sessionId = SESSION_ID, signedName = this.#userName, tamper } = wrong;
    const { algorithmName = algorithm } = wrong;
    const payload = (userName: string, signature: Buffer): Buffer =>
      encodeUserAuthRequest({
        userName,
        service: 'ssh-connection',
        method: 'publickey',
        fields: encodePublicKeyFields({ algorithm: algorithmName, blob, signature }),
      });
    const none = Buffer.alloc(0);
    const signature = await key.sign(algorithm, encodeSignedData(sessionId, payload(signedName, none), none));
    this.auth.receive(payload(this.#userName, tamper?.(Buffer.from(signature)) ?? signature));
  }

  /** Waits until `count` requests are answered, or the connection has ended. */
  async answered(count = 1): Promise<void> {
    await until(() => this.payloads.length >= count || this.ends.length > 0, 'the request is answered');
  }
}

export const alice = (fields: Partial<Identity> = {}): Identity => ({
  name: 'alice',
  publicKeys: [],
  passwordHash: null,
  ...fields,
});

export const found = (identity: Identity): IdentityProvider => ({ find: () => Promise.resolve(identity) });
