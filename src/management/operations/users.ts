import type { Operations, OperationTypes } from '../operation.ts';
import type { ServerRecord, UserRecord } from '../../state/records.ts';
import type { Draft, StateTransaction } from '../../state/state-store.ts';
import { Arns } from './arns.ts';
import { auditedUser, differences } from './audit-values.ts';
import type { OperationsContext } from './context.ts';
import { pageOf } from './paging.ts';
import { reading } from './reading.ts';
import { withKey } from './public-key-bodies.ts';
import { alreadyExists, invalid, notFound, refusing, required } from './refusals.ts';
import { ServerAccess } from './server-access.ts';
import { changedSettings } from './session-settings.ts';
import { sentTags } from './tag-lists.ts';

type UserOperations = Pick<Operations, 'CreateUser' | 'DescribeUser' | 'ListUsers' | 'UpdateUser' | 'DeleteUser'>;
type DescribedUser = NonNullable<OperationTypes['DescribeUser'][1]['User']>;

/** A change is in force for the next login on this node when it is answered; running sessions go on. */
export function userOperations(context: OperationsContext): UserOperations {
  const access = new ServerAccess(context);
  const arns = new Arns(context.region, context.account);
  const { control, now } = context;

  return {
    async CreateUser(input, caller) {
      const { ServerId, UserName } = namesOf(input);
      const settings = changedSettings({}, input);
      const tags = sentTags(input.Tags);
      const keys = input.SshPublicKeyBody === undefined ? [] : withKey([], input.SshPublicKeyBody, now());
      await access.change(caller, ServerId, async (state, server) => {
        checkManagesUsers(server, 'create');
        if ((await state.user(ServerId, UserName)) !== null)
          throw alreadyExists('User', UserName, 'User already exists');
        const user = { serverId: ServerId, userName: UserName, createdAt: now(), settings, keys, tags };
        refusing(() => {
          control.checkUser(user);
        });
        await state.putUser(user);
        const resource = arns.user(ServerId, UserName);
        state.audit({ operation: 'CreateUser', resource, before: null, after: auditedUser(user) });
      });
      return { ServerId, UserName };
    },

    DescribeUser: reading<'DescribeUser'>((input, caller) => {
      const { ServerId, UserName } = namesOf(input);
      const user = access.shown(caller, ServerId).users.get(UserName);
      if (user === undefined) throw notFound('User', UserName);
      return { ServerId, User: describe(arns, user) };
    }),

    ListUsers: reading<'ListUsers'>((input, caller) => {
      const ServerId = required('ServerId', input.ServerId);
      const server = access.shown(caller, ServerId);
      checkManagesUsers(server.record, 'list');
      const { items, ...next } = pageOf(['ListUsers', ServerId], server.users, input);
      const Users = items.map(({ userName, settings, keys }) => ({
        Arn: arns.user(ServerId, userName),
        HomeDirectory: settings.HomeDirectory,
        HomeDirectoryType: settings.HomeDirectoryType,
        Role: settings.Role,
        SshPublicKeyCount: keys.length,
        UserName: userName,
      }));
      return { ServerId, Users, ...next };
    }),

    async UpdateUser(input, caller) {
      const { ServerId, UserName } = namesOf(input);
      await access.change(caller, ServerId, async (state) => {
        const user = await userOf(state, ServerId, UserName);
        const changed = { ...user, settings: changedSettings(user.settings, input) };
        await putChangedUser(context, arns, state, 'UpdateUser', user, changed);
      });
      return { ServerId, UserName };
    },

    async DeleteUser(input, caller) {
      const { ServerId, UserName } = namesOf(input);
      await access.change(caller, ServerId, async (state) => {
        const user = await userOf(state, ServerId, UserName);
        await state.deleteUser(ServerId, UserName);
        const resource = arns.user(ServerId, UserName);
        state.audit({ operation: 'DeleteUser', resource, before: auditedUser(user), after: null });
      });
      return null;
    },
  };
}

/** The user as it is now. @throws ApiError ResourceNotFoundException */
export async function userOf(state: StateTransaction, serverId: string, userName: string): Promise<UserRecord> {
  const user = await state.user(serverId, userName);
  if (user === null) throw notFound('User', userName);
  return user;
}

/** Writes a user that was there, with its audit record; nothing where nothing is different. */
export async function putChangedUser(
  { control }: OperationsContext,
  arns: Arns,
  state: StateTransaction,
  operation: string,
  user: UserRecord,
  changed: Draft<UserRecord>,
): Promise<void> {
  const changes = differences(auditedUser(user), auditedUser(changed));
  if (changes === null) return;
  refusing(() => {
    control.checkUser(changed);
  });
  await state.putUser(changed);
  state.audit({ operation, resource: arns.user(user.serverId, user.userName), ...changes });
}

/** Server and user of a request. The model requires both. */
export function namesOf(input: { readonly ServerId: string | undefined; readonly UserName: string | undefined }) {
  return { ServerId: required('ServerId', input.ServerId), UserName: required('UserName', input.UserName) };
}

/** The service keeps users only where it is the identity provider, and says so in these words. */
function checkManagesUsers({ settings }: ServerRecord, verb: 'create' | 'list'): void {
  const type = settings.IdentityProviderType ?? 'SERVICE_MANAGED';
  if (type !== 'SERVICE_MANAGED') throw invalid(`Cannot ${verb} users on server with IdP type: ${type}`);
}

function describe(arns: Arns, { serverId, userName, settings, keys, tags }: UserRecord): DescribedUser {
  return {
    ...settings,
    Arn: arns.user(serverId, userName),
    SshPublicKeys: keys.map(({ keyId, importedAt, body }) => ({
      DateImported: new Date(importedAt),
      SshPublicKeyBody: body,
      SshPublicKeyId: keyId,
    })),
    Tags: [...tags],
    UserName: userName,
  };
}
