import type { ManagementConfig } from '../../../config/schema.ts';
import type { AssumedRole } from '../../../storage/object-store.ts';
import { ASSUMED_ROLE_SECONDS } from '../../../storage/s3/limits.ts';
import { roleSessionName } from './role-session-name.ts';

type AssumeRoleSetting = ManagementConfig['roles'][number]['assumeRole'];

/** Whose role is assumed, and what the user's session policy allows of it. */
export interface RoleOfUser {
  readonly arn: string;
  readonly userName: string;
  readonly serverId: string;
  /** As `inlinePolicy` has it; null where the user has none. */
  readonly policy: string | null;
}

/** What STS is asked for; null where the configuration does not ask it. */
export function assumedRole(setting: AssumeRoleSetting, user: RoleOfUser): AssumedRole | null {
  if (setting === false) return null;
  const {
    endpoint,
    region,
    externalId,
    durationSeconds = ASSUMED_ROLE_SECONDS.default,
  } = setting === true ? {} : setting;
  return {
    arn: user.arn,
    sessionName: roleSessionName(user.userName, user.serverId),
    durationSeconds,
    ...(user.policy === null ? {} : { policy: user.policy }),
    ...(externalId === undefined ? {} : { externalId }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
  };
}
