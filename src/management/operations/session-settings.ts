import type { UserSettings } from '../../state/records.ts';
import { MAX_HOME_DIRECTORY_MAPPINGS } from './limits.ts';
import { invalidMember } from './refusals.ts';

/**
 * What CreateUser and CreateAccess have in common: the role of a session, its home, its policy. What only the installation can
 * know of it (roles, storages, the policy's meaning) `ServerControl.checkUser` judges.
 */
export type SessionSettings = UserSettings;

type Changes = { readonly [Member in keyof SessionSettings]?: SessionSettings[Member] | undefined };
type Mappings = NonNullable<SessionSettings['HomeDirectoryMappings']>;

/**
 * The settings that `sent` makes of `current`: a member that is not sent stays, an empty `HomeDirectory` or `Policy` clears it.
 * With the type PATH the mappings go: that is how they are taken away, since the model allows no empty list.
 * @throws ApiError InvalidRequestException for members that exclude each other
 */
export function changedSettings(current: Partial<SessionSettings>, sent: Changes): SessionSettings {
  const type = sent.HomeDirectoryType ?? current.HomeDirectoryType ?? 'PATH';
  const home = sent.HomeDirectory ?? current.HomeDirectory ?? '';
  const policy = sent.Policy ?? current.Policy ?? '';
  const posix = sent.PosixProfile ?? current.PosixProfile;
  const mappings =
    type === 'PATH' ? sent.HomeDirectoryMappings : (sent.HomeDirectoryMappings ?? current.HomeDirectoryMappings);
  if (type === 'PATH' && mappings !== undefined) {
    throw invalidMember('HomeDirectoryMappings', 'belongs to HomeDirectoryType LOGICAL, and the type is PATH');
  }
  if (type === 'LOGICAL') checkMappings(mappings ?? [], home);
  if (policy !== '') checkPolicyText(policy);
  return {
    Role: sent.Role ?? current.Role,
    HomeDirectoryType: type,
    ...(home !== '' && { HomeDirectory: home }),
    ...(mappings !== undefined && { HomeDirectoryMappings: mappings }),
    ...(policy !== '' && { Policy: policy }),
    ...(posix !== undefined && { PosixProfile: posix }),
  };
}

function checkMappings(mappings: Mappings, home: string): void {
  if (mappings.length === 0) {
    throw invalidMember('HomeDirectoryMappings', 'must have an entry where HomeDirectoryType is LOGICAL');
  }
  if (mappings.length > MAX_HOME_DIRECTORY_MAPPINGS) {
    throw invalidMember('HomeDirectoryMappings', `has more than ${MAX_HOME_DIRECTORY_MAPPINGS} entries`);
  }
  const entries = new Set<string>();
  mappings.forEach(({ Entry = '' }, index) => {
    const entry = withoutSlash(Entry);
    if (entries.has(entry)) throw invalidMember(`HomeDirectoryMappings[${index}].Entry`, `${Entry} stands there twice`);
    entries.add(entry);
  });
  for (const entry of entries) {
    const above = parentsOf(entry).find((parent) => entries.has(parent));
    if (above !== undefined) {
      throw invalidMember('HomeDirectoryMappings', `the entries ${above || '/'} and ${entry} overlap`);
    }
  }
  checkHome(entries, home);
}

/** A LOGICAL home is a path of the user's view: of a mapping, or of the directories above one, which can be listed. */
function checkHome(entries: ReadonlySet<string>, home: string): void {
  const path = withoutSlash(home);
  if (path === '' || entries.has(path) || parentsOf(path).some((parent) => entries.has(parent))) return;
  for (const entry of entries) if (entry.startsWith(`${path}/`)) return;
  throw invalidMember('HomeDirectory', `${home} lies in none of the HomeDirectoryMappings`);
}

function checkPolicyText(policy: string): void {
  let value: unknown;
  try {
    value = JSON.parse(policy);
  } catch {
    throw invalidMember('Policy', 'is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidMember('Policy', 'is not a policy document');
  }
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '');
}

/** `/a/b/c`: `/a/b`, `/a`, and the root, which is the empty string here. */
function parentsOf(path: string): readonly string[] {
  const parents: string[] = [];
  for (let end = path.lastIndexOf('/'); end >= 0; end = path.lastIndexOf('/', end - 1)) {
    parents.push(path.slice(0, end));
    if (end === 0) break;
  }
  return parents;
}
