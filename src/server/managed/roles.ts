import type { ManagementConfig } from '../../config/schema.ts';
import { SettingRefused } from '../../management/server-control.ts';
import { globPattern } from './session-policy/glob.ts';

type Role = ManagementConfig['roles'][number];

/** The first entry of `roles` that fits the ARN. @throws SettingRefused where there is none */
export function roleFor(arn: string | undefined, roles: ManagementConfig['roles']): Role {
  const role = roles.find((each) => globPattern(each.arn).matches(arn ?? ''));
  if (role !== undefined) return role;
  throw new SettingRefused(
    'Role',
    `no entry of "management.roles" in the configuration is for ${JSON.stringify(arn ?? '')}: expected one of ` +
      roles.map((each) => each.arn).join(', '),
  );
}

export function mayUse({ buckets }: Role, bucket: string): boolean {
  return buckets === '*' || buckets.includes(bucket);
}
