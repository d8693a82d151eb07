import type { HomeProblem } from '../../config/home-directories.ts';
import { expandHome, homeAreas, homeProblems, startDirectory } from '../../config/home-directories.ts';
import type { ManagementConfig } from '../../config/schema.ts';
import { SettingRefused } from '../../management/server-control.ts';
import type { UserRecord } from '../../state/records.ts';
import type { StorePath } from '../../storage/object-store.ts';
import { joinStorePath, STORE_ROOT } from '../../storage/store-path.ts';
import type { PermissionSet } from '../../vfs/permissions.ts';
import { permissionSet } from '../user-views.ts';
import type { ManagedStorage, ManagedStorages } from './managed-storages.ts';
import { mayUse, roleFor } from './roles.ts';
import type { SessionPolicy } from './session-policy/parse-policy.ts';
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
  readonly policy: SessionPolicy | null;
}

type SeeingUser = Pick<UserRecord, 'userName' | 'settings'>;

/** @throws SettingRefused where the role, home, mappings or session policy cannot work */
export function sightOf({ userName, settings }: SeeingUser, { storages, roles }: Sights): UserSight {
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
  return {
    areas,
    home: isPath ? expandHome(homeSettings.home, userName) : startDirectory(homeSettings),
    permissions: permissionSet(role.permissions),
    policy: policyOf(settings.Policy, userName, isPath ? expandHome(homeSettings.home, userName) : null),
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

function policyOf(text: string | undefined, userName: string, home: string | null): SessionPolicy | null {
  if (text === undefined || text.trim() === '') return null;
  const [bucket, ...rest] = (home ?? '').slice(1).split('/');
  const hasHome = bucket !== undefined && bucket !== '';
  return parseSessionPolicy(text, {
    UserName: userName,
    HomeBucket: hasHome ? bucket : null,
    HomeFolder: hasHome ? rest.join('/') : null,
    HomeDirectory: hasHome ? [bucket, ...rest].join('/') : null,
  });
}
