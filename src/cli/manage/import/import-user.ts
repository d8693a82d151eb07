import { CliError } from '../../cli-error.ts';
import type { ManagementApi } from '../api-client.ts';
import { keyInWords } from '../key-line.ts';
import { describeUser, listUsers } from '../user-commands.ts';
import { userDifferences } from './differences.ts';
import type { Imported } from './imported.ts';
import type { TransferDocuments } from './transfer-documents.ts';
import { userCounterpart, type UserCounterpart } from './user-counterpart.ts';

/** The server that a user goes to. */
export interface UsersServer {
  /** null: it would be made before the user. */
  readonly serverId: string | null;
  /** The names of the users that it has. */
  readonly userNames: ReadonlySet<string>;
}

/** The users that a server has now. Throws CliError. */
export async function userNamesOf(api: ManagementApi, ServerId: string): Promise<Set<string>> {
  const users = await listUsers(api, ServerId);
  return new Set(users.flatMap(({ UserName }) => UserName ?? []));
}

/** Makes a user as the files have it, unless it is there already. Does not reject for what the API refuses. */
export async function importUser(
  api: ManagementApi,
  { userName: name, described }: TransferDocuments['users'][number],
  { serverId, userNames }: UsersServer,
  dryRun: boolean,
): Promise<Imported> {
  const wanted = userCounterpart(described);
  const imported = { kind: 'user', name, serverId, noCounterpart: wanted.noCounterpart } as const;
  try {
    if (serverId !== null && userNames.has(name)) {
      const notes = userDifferences(wanted, await describeUser(api, serverId, name));
      return { ...imported, outcome: notes.length > 0 ? 'differs' : 'there already', notes };
    }
    if (dryRun || serverId === null) return { ...imported, outcome: 'would be made', notes: [keysInWords(wanted)] };
    await makeUser(api, serverId, name, wanted);
    return { ...imported, outcome: 'made', notes: [keysInWords(wanted)] };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { ...imported, outcome: 'failed', notes: [error.message] };
  }
}

async function makeUser(
  api: ManagementApi,
  ServerId: string,
  UserName: string,
  { settings, keys, tags }: UserCounterpart,
): Promise<void> {
  const [first, ...others] = keys;
  await api.call((transfer) =>
    transfer.createUser({
      ...settings,
      ServerId,
      UserName,
      SshPublicKeyBody: first,
      ...(tags.length > 0 && { Tags: [...tags] }),
    }),
  );
  for (const SshPublicKeyBody of others) {
    try {
      await api.call((transfer) => transfer.importSshPublicKey({ ServerId, UserName, SshPublicKeyBody }));
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      const { fingerprint } = keyInWords(SshPublicKeyBody);
      throw new CliError(`it is made, but without its key ${fingerprint} and those after it: ${error.message}`);
    }
  }
}

function keysInWords({ keys }: UserCounterpart): string {
  if (keys.length === 0) return 'it has no key, so that it cannot log in yet';
  return keys.length === 1 ? 'with 1 key' : `with ${keys.length} keys`;
}
