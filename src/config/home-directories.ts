import { nearestNames } from '../policy/nearest-names.ts';
import { quoted } from '../policy/config-error.ts';
import { StorageError } from '../storage/object-store.ts';
import { checkStorePath, isInside } from '../storage/store-path.ts';

/** The one variable of Transfer Family that homes and targets know. */
export const USER_NAME_VARIABLE = '${transfer:UserName}';

/** Where a user who has no `home` of its own is at home: in a directory of its own, or at the root of its mappings. */
export const DEFAULT_HOMES = { PATH: `/${USER_NAME_VARIABLE}`, LOGICAL: '/' } as const;

/** The part of a user's settings that says what it sees. */
export interface HomeSettings {
  readonly name: string;
  readonly home: string;
  readonly homeDirectoryType: 'PATH' | 'LOGICAL';
  readonly homeDirectoryMappings: readonly HomeMapping[];
}

export interface HomeMapping {
  readonly entry: string;
  readonly target: string;
}

export interface HomeProblem {
  /** Below the user. */
  readonly path: (string | number)[];
  readonly message: string;
}

/** One place of the storage that a user sees. */
export interface HomeArea {
  /** In the user's view: plain and absolute. */
  readonly entry: string;
  /** In the storage: plain and absolute; '/' is all of it. */
  readonly path: string;
  /** Of `homeDirectoryMappings`; undefined for a home of type PATH. */
  readonly mapping: number | undefined;
}

/** Absolute, with single `/` between its names and none at its end, the variable replaced. */
export function expandHome(text: string, userName: string): string {
  return plain(text.replaceAll(USER_NAME_VARIABLE, userName));
}

/** What the user sees, in the order of the configuration. */
export function homeAreas(user: HomeSettings): HomeArea[] {
  if (user.homeDirectoryType === 'PATH') {
    return [{ entry: '/', path: expandHome(user.home, user.name), mapping: undefined }];
  }
  return user.homeDirectoryMappings.map(({ entry, target }, mapping) => ({
    entry: plain(entry),
    path: expandHome(target, user.name),
    mapping,
  }));
}

/** Where a user starts, in its view. */
export function startDirectory(user: HomeSettings): string {
  return user.homeDirectoryType === 'PATH' ? '/' : expandHome(user.home, user.name);
}

/**
 * What would otherwise come out at every login, or never: that a home is a folder which others share because its
 * variable is misspelled.
 */
export function homeProblems(user: HomeSettings): HomeProblem[] {
  const { homeDirectoryType: type, homeDirectoryMappings: mappings } = user;
  const problems: HomeProblem[] = pathProblems(user.home, ['home'], { variables: true });
  const entries = new Map<string, number>();
  mappings.forEach(({ entry, target }, index) => {
    const at = ['homeDirectoryMappings', index];
    problems.push(
      ...pathProblems(entry, [...at, 'entry'], { variables: false }),
      ...pathProblems(target, [...at, 'target'], { variables: true }),
    );
    const first = entries.get(plain(entry));
    if (first === undefined) entries.set(plain(entry), index);
    else {
      problems.push({
        path: [...at, 'entry'],
        message: `${quoted(entry)} is mapped already, by homeDirectoryMappings[${first}]`,
      });
    }
  });
  if (type === 'PATH' && mappings.length > 0) {
    problems.push({
      path: ['homeDirectoryMappings'],
      message: 'mappings need "homeDirectoryType": "LOGICAL"; with "PATH" the user sees its home and nothing else',
    });
  }
  if (type === 'LOGICAL' && mappings.length === 0) {
    problems.push({
      path: ['homeDirectoryMappings'],
      message: '"homeDirectoryType": "LOGICAL" needs at least one mapping: the user would see nothing',
    });
  }
  if (type === 'LOGICAL' && problems.length === 0) {
    const start = startDirectory(user);
    const isShown = [...entries.keys()].some((entry) => isInside(start, entry) || isInside(entry, start));
    if (!isShown) problems.push({ path: ['home'], message: `${quoted(user.home)} is in none of the mappings` });
  }
  return problems;
}

function pathProblems(
  text: string,
  path: (string | number)[],
  allowed: { readonly variables: boolean },
): HomeProblem[] {
  const problems = variablesIn(text).flatMap((variable) => {
    if (!allowed.variables) return [`${quoted(variable)}: an entry has no variables`];
    if (variable === USER_NAME_VARIABLE) return [];
    const [nearest = USER_NAME_VARIABLE] = nearestNames(variable, [USER_NAME_VARIABLE]);
    return [`unknown variable ${quoted(variable)}; nearest known: ${nearest}`];
  });
  if (text.split('/').some((name) => name === '.' || name === '..')) {
    problems.push(`${quoted(text)} holds "." or "..": expected the path itself`);
  } else {
    problems.push(...storePathProblems(plain(text).slice(1)));
  }
  return problems.map((message) => ({ path, message }));
}

function storePathProblems(path: string): string[] {
  try {
    checkStorePath(path);
    return [];
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return [`${quoted(`/${path}`)} cannot be used: ${error.message}`];
  }
}

/** `${…}`, also one that is never closed. */
function variablesIn(text: string): string[] {
  return text.match(/\$\{[^}/]*\}?/g) ?? [];
}

function plain(text: string): string {
  return `/${text
    .split('/')
    .filter((name) => name !== '')
    .join('/')}`;
}
