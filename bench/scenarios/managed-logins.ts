import { latticeportManaged } from '../servers/managed.ts';
import { CLIENT_CORE, ed25519, KEYS_KEX, LOGIN_METRICS, measureLogins, SERVER_CORE } from './logins.ts';
import type { Scenario } from './scenario.ts';

const ONE = 'the same user';
const ALL = 'another user each time';
const MIB = 1024 * 1024;

/** Whether a login costs more where the state holds many users. */
export const managedLogins: Scenario = {
  name: 'managed-logins',
  title: 'Logins with few and with many users in the state',
  method:
    `As "logins", with ${KEYS_KEX}, on a server of the management API whose state (SQLite) holds so many users with five keys each; ` +
    'the last of the five logs in. "Another user each time" takes all users in turn, with a storage in memory: with many users each ' +
    'login is the first of its user. "Start" is the time from the start of the process until API and servers listen, "memory" what ' +
    'it has resident then.',
  metrics: [
    ...LOGIN_METRICS,
    { name: 'start', unit: 's', better: 'lower' },
    { name: 'memory', unit: 'MiB', better: 'lower' },
  ],
  cases: [ONE, ALL],
  rotates: true,
  servers: [latticeportManaged(10), latticeportManaged(10_000)],
  place: () => Promise.resolve({ cores: SERVER_CORE }),
  async measure(bench, server, oneCase) {
    const users = oneCase === ONE ? 1 : (server.users ?? 1);
    const job = { ...ed25519(bench), kex: KEYS_KEX, users };
    const logins = await measureLogins(server, job, bench.smoke ? 0.3 : 2, CLIENT_CORE);
    if (logins === null) throw new Error('nobody was let in');
    const { seconds = 0, residentBytes = 0 } = server.atStart ?? {};
    return { ...logins, start: seconds, memory: residentBytes / MIB };
  },
};
