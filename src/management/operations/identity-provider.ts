import type { Operations } from '../operation.ts';
import type { OperationsContext } from './context.ts';
import { reading } from './reading.ts';
import { invalid, required } from './refusals.ts';
import { ServerAccess } from './server-access.ts';

/**
 * A server that keeps its own users has no provider to test, and the service answers so. Servers with one of the other types
 * do not exist here yet: `ServerControl.checkServer` refuses them.
 */
export function identityProviderOperations(context: OperationsContext): Pick<Operations, 'TestIdentityProvider'> {
  const access = new ServerAccess(context);
  return {
    TestIdentityProvider: reading<'TestIdentityProvider'>(({ ServerId }, caller) => {
      const serverId = required('ServerId', ServerId);
      const { IdentityProviderType: type = 'SERVICE_MANAGED' } = access.shown(caller, serverId).record.settings;
      if (type === 'SERVICE_MANAGED') throw invalid(`${serverId} not configured for external auth`);
      throw invalid(`not supported by Latticeport: identity providers of the type ${type}`);
    }),
  };
}
