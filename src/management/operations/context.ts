import type { PolicyCatalogue } from '../../policy/catalogue.ts';
import type { StateStore } from '../../state/state-store.ts';
import type { ServerControl } from '../server-control.ts';

/** What the operations work with. */
export interface OperationsContext {
  readonly store: StateStore;
  readonly control: ServerControl;
  readonly policies: Pick<PolicyCatalogue, 'all' | 'get'>;
  /** The region and the account in ARNs, such as `us-east-1` and `000000000000`. */
  readonly region: string;
  readonly account: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
