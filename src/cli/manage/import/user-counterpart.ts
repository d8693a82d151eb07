import type { Tag, UserSettings } from '../../../state/records.ts';
import { given } from '../input-members.ts';
import { tagsOf, type NoCounterpart } from './server-counterpart.ts';
import { isObject, type Described } from './transfer-documents.ts';

/** The members of a user that are taken over as they are. */
export const USER_SETTINGS = [
  'Role',
  'HomeDirectory',
  'HomeDirectoryType',
  'HomeDirectoryMappings',
  'Policy',
  'PosixProfile',
] as const satisfies readonly (keyof UserSettings)[];

const KNOWN: ReadonlySet<string> = new Set([...USER_SETTINGS, 'Arn', 'UserName', 'SshPublicKeys', 'Tags']);

/** What makes the same user here. */
export interface UserCounterpart {
  readonly settings: UserSettings;
  /** Public keys, as lines. */
  readonly keys: readonly string[];
  readonly tags: readonly Tag[];
  readonly noCounterpart: readonly NoCounterpart[];
}

export function userCounterpart(user: Described): UserCounterpart {
  const { tags, noCounterpart } = tagsOf(user);
  const entries = USER_SETTINGS.map((member) => [member, empty(user[member]) ? undefined : user[member]] as const);
  const unknown = Object.entries(user).filter(([member, value]) => !KNOWN.has(member) && !empty(value));
  return {
    // The API checks the values: they come from a file.
    settings: given(Object.fromEntries(entries)) as unknown as UserSettings,
    keys: (Array.isArray(user['SshPublicKeys']) ? user['SshPublicKeys'] : []).flatMap((key: unknown) => {
      const body = isObject(key) ? key['SshPublicKeyBody'] : undefined;
      return typeof body === 'string' ? [body.trim()] : [];
    }),
    tags,
    noCounterpart: [
      ...unknown.map(([member, value]) => ({ member, value, why: 'this version does not know it' })),
      ...noCounterpart,
    ],
  };
}

function empty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}
