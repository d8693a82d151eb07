import type { Facts, UserFacts } from './facts.ts';
import { credentialKind } from '../../server/user-credentials.ts';
import { finding, type Change, type Finding } from './finding.ts';

/** Whether a quantum computer of a later day could pose as a user, and who could not log in any more. Pure. */
export function userFindings({ file, config, users }: Facts): Finding[] {
  if (users.length === 0) return [finding('users.none', 'Nobody can log in.')];
  const withKey = users.filter(({ credentials }) => credentials.some(({ postQuantum }) => postQuantum));
  const without = users.filter((user) => !withKey.includes(user));
  const beside = withKey.filter(
    ({ key, credentials }) => key.state !== 'now' && credentials.some(({ postQuantum }) => !postQuantum),
  );
  const byState = (state: UserFacts['key']['state']): UserFacts[] => without.filter(({ key }) => key.state === state);
  const found: Finding[] = [];
  const add = (id: Parameters<typeof finding>[0], says: string, of: readonly UserFacts[], changes: Change[]): void => {
    if (of.length > 0) found.push(finding(id, says, { about: of.map(inWords), changes }));
  };
  const addKeys = (of: readonly UserFacts[]): Change[] =>
    of.map(({ index }) => ({
      file,
      setting: `$.users[${index}].publicKeys[${config.users[index]?.publicKeys.length ?? 0}]`,
      value: 'ssh-mldsa44-ed25519 …',
    }));
  const make = 'ssh-keygen -t mldsa44-ed25519, OpenSSH 10.6 or newer';
  add(
    'users.locked-out',
    `These users have no post-quantum key, and "requirePostQuantumKey" holds: they cannot log in. Add one (${make}).`,
    byState('now'),
    addKeys(byState('now')),
  );
  add(
    'users.locked-out-later',
    `These users have no post-quantum key, and cannot log in from the date of "requirePostQuantumKey" on. Add one (${make}).`,
    byState('later'),
    addKeys(byState('later')),
  );
  add(
    'users.classical',
    `These users log in with classical keys or passwords only: who can forge or read them can pose as them. Add a post-quantum key (${make}).`,
    byState('never'),
    addKeys(byState('never')),
  );
  add(
    'users.classical-beside',
    'These users have a post-quantum key, and classical credentials that log in as well. Refuse those.',
    beside,
    beside.map(({ index }) => ({ file, setting: `$.users[${index}].requirePostQuantumKey`, value: true })),
  );
  if (found.length > 0) return found;
  const count = users.length === 1 ? 'The one user logs in' : `All ${users.length} users log in`;
  return [finding('users.post-quantum', `${count} with post-quantum keys only.`)];
}

/** "acme: ssh-ed25519, password". */
function inWords({ name, credentials, key: { value, state } }: UserFacts): string {
  const kinds = [...new Set(credentials.filter(({ postQuantum }) => !postQuantum).map(credentialKind))];
  const from = state === 'later' && typeof value === 'object' ? ` (from ${value.from} on)` : '';
  return `${name}: ${kinds.length === 0 ? 'nothing' : kinds.join(', ')}${from}`;
}
