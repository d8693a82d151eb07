import type { HomeProblem } from '../../config/home-directories.ts';
import { expandHome, homeAreas, homeProblems, startDirectory } from '../../config/home-directories.ts';
import type { ManagementConfig } from '../../config/schema.ts';
import { SettingRefused } from '../../management/server-control.ts';
import type { UserRecord } from '../../state/records.ts';
import type { AssumedRole, StorePath } from '../../storage/object-store.ts';
import { joinStorePath, STORE_ROOT } from '../../storage/store-path.ts';
import type { PermissionSet } from '../../vfs/permissions.ts';
import { permissionSet } from '../user-views.ts';
import { assumedRole } from './assume-role/assumed-role.ts';
import { inlinePolicy } from './assume-role/inline-policy.ts';
import type { ManagedStorage, ManagedStorages } from './managed-storages.ts';
import { mayUse, roleFor } from './roles.ts';
import type { PolicyVariables, SessionPolicy } from './session-policy/parse-policy.ts';
import { parseSessionPolicy } from './session-policy/parse-policy.ts';

/** What of the configuration says what users of the API may see. */
export interface Sights {
  readonly storages: ManagedStorages;
  readonly roles: ManagementConfig['roles'];
}

/** One place of a storage that a user sees. */
export interface SightArea {
  /** In the user's view: plain and absolute. */
  readonly entry: string;
  readonly bucket: string;
  readonly storage: ManagedStorage;
  readonly path: StorePath;
  readonly isFile: boolean;
}

/** What a user sees: role, home, mappings and session policy of its record, checked. */
export interface UserSight {
  readonly areas: readonly SightArea[];
  /** Where it starts. */
  readonly home: string;
  readonly permissions: PermissionSet;
  /** What is evaluated here; null where there is none, or where the store does that. */
  readonly policy: SessionPolicy | null;
  /** As whom its storages are asked; null where they are asked with their own credentials. */
  readonly assumed: AssumedRole | null;
}

type SeeingUser = Pick<UserRecord, 'serverId' | 'userName' | 'settings'>;

/** @throws SettingRefused where the role, home, mappings or session policy cannot work */
export function sightOf({ serverId, userName, settings }: SeeingUser, { storages, roles }: Sights): UserSight {
  const role = roleFor(settings.Role, roles);
  const home = settings.HomeDirectory === '' ? undefined : settings.HomeDirectory;
  const homeSettings = {
    name: userName,
    home: home ?? '/',
    homeDirectoryType: settings.HomeDirectoryType ?? 'PATH',
    homeDirectoryMappings: (settings.HomeDirectoryMappings ?? []).map(({ Entry, Target }) => ({
      entry: Entry ?? '',
      target: Target ?? '',
    })),
  };
  const [problem] = homeProblems(homeSettings);
  if (problem !== undefined) throw new SettingRefused(memberOf(problem), problem.message);
  const areas = homeAreas(homeSettings).flatMap(({ path, entry, mapping }): SightArea[] => {
    const member = mapping === undefined ? 'HomeDirectory' : 'HomeDirectoryMappings';
    if (mapping === undefined && path === '/') {
      return storages.names.filter((name) => mayUse(role, name)).map((name) => area(`/${name}`, `/${name}`, member));
    }
    const isFile = mapping !== undefined && settings.HomeDirectoryMappings?.[mapping]?.Type === 'FILE';
    // The user of a PATH sees it as it is, with the bucket before it.
    return [{ ...area(mapping === undefined ? path : entry, path, member), isFile }];
  });
  const isPath = homeSettings.homeDirectoryType === 'PATH';
  const variables = variablesOf(userName, isPath ? expandHome(homeSettings.home, userName) : null);
  const policy = settings.Policy === undefined || settings.Policy.trim() === '' ? null : settings.Policy;
  const here = role.assumeRole === false;
  const assumed = assumedRole(role.assumeRole, {
    ...{ arn: settings.Role ?? '', userName, serverId },
    policy: policy === null || here ? null : inlinePolicy(policy, inStore(variables, storages)),
  });
  const other = assumed === null ? undefined : areas.find(({ storage }) => storage.store.assuming === undefined);
  if (other !== undefined) throw new SettingRefused('Role', `no role is assumed in the storage "${other.bucket}"`);
  return {
    areas,
    home: isPath ? expandHome(homeSettings.home, userName) : startDirectory(homeSettings),
    permissions: permissionSet(role.permissions),
    policy: policy === null || !here ? null : parseSessionPolicy(policy, variables),
    assumed,
  };

  function area(entry: string, path: string, member: string): SightArea {
    const [bucket = '', ...rest] = path.slice(1).split('/');
    const storage = storages.get(bucket);
    if (storage === undefined || !mayUse(role, bucket)) {
      const allowed = storages.names.filter((name) => mayUse(role, name)).map((name) => `/${name}`);
      throw new SettingRefused(
        member,
        `${JSON.stringify(path)} begins with no storage that the role has: expected one of ${allowed.join(', ')}`,
      );
    }
    return { entry, bucket, storage, path: joinStorePath(STORE_ROOT, rest.join('/')), isFile: false };
  }
}

function memberOf({ path: [setting] }: HomeProblem): string {
  return setting === 'home' ? 'HomeDirectory' : 'HomeDirectoryMappings';
}

function variablesOf(userName: string, home: string | null): PolicyVariables {
  const [bucket, ...rest] = (home ?? '').slice(1).split('/');
  const hasHome = bucket !== undefined && bucket !== '';
  return {
    UserName: userName,
    HomeBucket: hasHome ? bucket : null,
    HomeFolder: hasHome ? rest.join('/') : null,
    HomeDirectory: hasHome ? [bucket, ...rest].join('/') : null,
  };
}

/** The same for who knows nothing of the names and prefixes of storages: the bucket, and where the home is in it. */
function inStore(variables: PolicyVariables, storages: ManagedStorages): PolicyVariables {
  const { HomeBucket: name, HomeFolder: folder } = variables;
  const settings = name === null ? undefined : storages.get(name)?.settings;
  if (settings?.type !== 's3' || folder === null) return variables;
  const { bucket, prefix } = settings;
  const home = [...prefix.split('/'), ...folder.split('/')].filter((segment) => segment !== '').join('/');
  return {
    ...variables,
    HomeBucket: bucket,
    HomeFolder: home,
    HomeDirectory: home === '' ? bucket : `${bucket}/${home}`,
  };
}
