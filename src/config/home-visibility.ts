import { homeAreas } from './home-directories.ts';
import type { HomeSettings } from './home-directories.ts';

/** A user of the configuration, as far as this needs to know it. */
export interface VisibleUser extends HomeSettings {
  readonly permissions: 'read-only' | 'read-write' | readonly string[];
  readonly homeDirectoryMappings: readonly {
    readonly entry: string;
    readonly target: string;
    readonly readOnly: boolean;
  }[];
}

interface Sight {
  readonly user: string;
  /** Where the place is in the storage. */
  readonly path: string;
  readonly may: 'read only' | 'read and write';
}

/** A line has at most so many names, and there are at most so many lines. */
const MAX_NAMES = 8;
const MAX_LINES = 40;
const NOT_WRITING: ReadonlySet<string> = new Set(['list', 'read']);

/**
 * Who can see whose files, a line each, for the operator to look through: users whose home or mapping is another's, or
 * above it. No line where every user has places of its own. In the order of the places.
 */
export function describeVisibility(users: readonly VisibleUser[]): string[] {
  const byPath = new Map<string, Sight[]>();
  for (const user of users) {
    for (const { path, mapping } of homeAreas(user)) {
      const sights = byPath.get(path) ?? [];
      sights.push({ user: user.name, path, may: rightsOf(user, mapping) });
      byPath.set(path, sights);
    }
  }
  const lines = [...byPath.keys()].sort().flatMap((path) => linesOf(path, byPath));
  const more = lines.length - MAX_LINES;
  return more > 0 ? [...lines.slice(0, MAX_LINES), `… and ${more} more`] : lines;
}

function linesOf(path: string, byPath: ReadonlyMap<string, readonly Sight[]>): string[] {
  const own = byPath.get(path) ?? [];
  const above = ancestorsOf(path).flatMap((ancestor) => byPath.get(ancestor) ?? []);
  const names = listed(own.map(({ user, may }) => `${user} (${may})`));
  const lines = own.length > 1 ? [`${path} is shared by ${names}`] : [];
  const strangers = above.filter(({ user }) => own.some((sight) => sight.user !== user));
  if (strangers.length === 0) return lines;
  const seers = listed(strangers.map((sight) => `${sight.user} (${sight.may}, from ${sight.path})`));
  return [...lines, `${path} of ${listed(own.map(({ user }) => user))} is also seen by ${seers}`];
}

function ancestorsOf(path: string): string[] {
  if (path === '/') return [];
  const names = path.slice(1).split('/');
  return names.map((_, depth) => `/${names.slice(0, depth).join('/')}`);
}

function rightsOf(user: VisibleUser, mapping: number | undefined): Sight['may'] {
  const { permissions } = user;
  const writes =
    permissions === 'read-write' ||
    (permissions !== 'read-only' && permissions.some((permission) => !NOT_WRITING.has(permission)));
  const readOnly = mapping !== undefined && user.homeDirectoryMappings[mapping]?.readOnly === true;
  return writes && !readOnly ? 'read and write' : 'read only';
}

function listed(names: readonly string[]): string {
  const unique = [...new Set(names)];
  const more = unique.length - MAX_NAMES;
  return more > 0 ? `${unique.slice(0, MAX_NAMES).join(', ')} and ${more} more` : unique.join(', ');
}
