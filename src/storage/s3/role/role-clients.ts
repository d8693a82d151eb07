import type { RoleCredentials } from '../api/assume-role.ts';
import type { S3Connections, Signer } from '../api/s3-client.ts';
import type { SessionCredentials } from './session-credentials.ts';

type S3Client = Signer['client'];

/** A client of the SDK is large: those that were used last are kept, the others are made anew when they are needed. */
const MAX_CLIENTS = 128;

/** The clients of the roles of one store, on its connections. */
export class RoleClients {
  readonly #connections: Pick<S3Connections, 'clientWith'>;
  /** In the order of their last use. */
  readonly #clients = new Map<SessionCredentials, S3Client>();

  constructor(connections: Pick<S3Connections, 'clientWith'>) {
    this.#connections = connections;
  }

  /** How many are kept. */
  get size(): number {
    return this.#clients.size;
  }

  signerFor(credentials: SessionCredentials): Signer {
    const used: { last: RoleCredentials | undefined } = { last: undefined };
    const get = (): S3Client => this.#client(credentials, used);
    return {
      get client() {
        return get();
      },
      renewCredentials: (explained) => {
        // The client remembers credentials, too.
        if (used.last !== undefined && credentials.refused(used.last, explained)) this.#clients.delete(credentials);
      },
    };
  }

  #client(credentials: SessionCredentials, used: { last: RoleCredentials | undefined }): S3Client {
    const client =
      this.#clients.get(credentials) ??
      this.#connections.clientWith(async () => {
        const { credentials: now, endsAt } = await credentials.get();
        used.last = now;
        const { accessKeyId, secretAccessKey, sessionToken } = now;
        return { accessKeyId, secretAccessKey, sessionToken, expiration: new Date(endsAt) };
      });
    this.#clients.delete(credentials);
    this.#clients.set(credentials, client);
    const [oldest] = this.#clients.size > MAX_CLIENTS ? this.#clients.keys() : [];
    if (oldest !== undefined) this.#clients.delete(oldest);
    return client;
  }
}
