import type { Operations } from '../operation.ts';
import { accessOperations } from './accesses.ts';
import type { OperationsContext } from './context.ts';
import { hostKeyOperations } from './host-keys.ts';
import { identityProviderOperations } from './identity-provider.ts';
import { securityPolicyOperations } from './security-policies.ts';
import { serverOperations } from './servers.ts';
import { sessionOperations } from './sessions.ts';
import { sshPublicKeyOperations } from './ssh-public-keys.ts';
import { tagOperations } from './tags.ts';
import { userOperations } from './users.ts';

export type { OperationsContext } from './context.ts';

/** All that the management API does. Inputs have passed the model's validation; whose role allows what is the listener's. */
export function createOperations(context: OperationsContext): Operations {
  return {
    ...serverOperations(context),
    ...userOperations(context),
    ...sshPublicKeyOperations(context),
    ...hostKeyOperations(context),
    ...securityPolicyOperations(context),
    ...identityProviderOperations(context),
    ...tagOperations(context),
    ...accessOperations(context),
    ...sessionOperations(context),
  };
}
