import type { AssumedRole } from '../../object-store.ts';
import { assumeRole, type RoleCredentials } from '../api/assume-role.ts';
import type { S3Connections, Signer } from '../api/s3-client.ts';
import type { S3Context } from '../s3-context.ts';
import { RoleClients } from './role-clients.ts';
import { SessionCredentials } from './session-credentials.ts';

/**
 * The stores of one bucket for roles, one for each role, session name and session policy as long as somebody has it. With the
 * last who has it its credentials are forgotten.
 */
export class RoleStores<Store extends object> {
  readonly #context: Pick<S3Context, 'clock' | 'random' | 'events'>;
  readonly #connections: Pick<S3Connections, 'clientWith' | 'account'>;
  readonly #open: (signer: Signer, name: string) => Store;
  readonly #clients: RoleClients;
  #opened = 0;
  readonly #stores = new Map<string, WeakRef<Store>>();
  readonly #gone = new FinalizationRegistry((name: string) => {
    if (this.#stores.get(name)?.deref() === undefined) this.#stores.delete(name);
  });

  /** `open` makes the store of those whom the signer signs for. */
  constructor(
    context: Pick<S3Context, 'clock' | 'random' | 'events'>,
    connections: Pick<S3Connections, 'clientWith' | 'account'>,
    open: (signer: Signer, name: string) => Store,
  ) {
    this.#context = context;
    this.#connections = connections;
    this.#open = open;
    this.#clients = new RoleClients(connections);
  }

  storeFor(role: AssumedRole): Store {
    const { arn, sessionName, policy, externalId, durationSeconds, endpoint, region } = role;
    const name = JSON.stringify([arn, sessionName, policy, externalId, durationSeconds, endpoint, region]);
    const known = this.#stores.get(name)?.deref();
    if (known !== undefined) return known;
    const { clock, random, events } = this.#context;
    const assume = async (wanted: AssumedRole): Promise<RoleCredentials> =>
      assumeRole(this.#connections.account, wanted);
    const credentials = new SessionCredentials({ role, assume, clock, random, events });
    this.#opened += 1;
    const store = this.#open(this.#clients.signerFor(credentials), `role ${this.#opened}`);
    this.#stores.set(name, new WeakRef(store));
    this.#gone.register(store, name);
    return store;
  }
}
