import type { Caller, Operations, OperationTypes } from '../operation.ts';
import type { ServerRecord } from '../../state/records.ts';
import type { Draft, StateTransaction } from '../../state/state-store.ts';
import { Arns } from './arns.ts';
import { auditedHostKey, auditedServer, differences } from './audit-values.ts';
import type { OperationsContext } from './context.ts';
import { byAge, hostKeysOfNewServer, sentHostKey, storeHostKey } from './host-key-drafts.ts';
import { newId } from './ids.ts';
import { pageOf } from './paging.ts';
import { reading } from './reading.ts';
import { invalidMember, refusing, required } from './refusals.ts';
import { checkStaysInScope, ServerAccess, type ShownServer } from './server-access.ts';
import {
  askedPort,
  changedServerSettings,
  checkOnlineChange,
  mustBeOffline,
  newServerSettings,
} from './server-settings.ts';
import { checkTagsOfNoUser, sentTags } from './tag-lists.ts';

type ServerOperations = Pick<
  Operations,
  'CreateServer' | 'DescribeServer' | 'ListServers' | 'UpdateServer' | 'DeleteServer' | 'StartServer' | 'StopServer'
>;
type DescribedServer = NonNullable<OperationTypes['DescribeServer'][1]['Server']>;
type Inputs = { readonly [Name in keyof ServerOperations]: OperationTypes[Name][0] };

/** All that change something answer once this node has done it, or has failed to: DescribeServer then says what became of it. */
export function serverOperations(context: OperationsContext): ServerOperations {
  const access = new ServerAccess(context);
  const arns = new Arns(context.region, context.account);
  const { control } = context;

  return {
    CreateServer: (input, caller) => createServer(context, arns, input, caller),

    DescribeServer: reading<'DescribeServer'>(({ ServerId }, caller) => {
      const serverId = required('ServerId', ServerId);
      const server = access.shown(caller, serverId);
      return { Server: describe(context, arns, server) };
    }),

    ListServers: reading<'ListServers'>((input, caller) => {
      const { items, ...next } = pageOf(['ListServers'], access.all(caller), input);
      const Servers = items.map(({ serverId, settings }) => ({
        Arn: arns.server(serverId),
        Domain: settings.Domain,
        IdentityProviderType: settings.IdentityProviderType,
        EndpointType: settings.EndpointType,
        LoggingRole: settings.LoggingRole,
        ServerId: serverId,
        State: control.stateOf(serverId),
        UserCount: access.userCount(serverId),
      }));
      return { Servers, ...next };
    }),

    async UpdateServer(input, caller) {
      const ServerId = required('ServerId', input.ServerId);
      await access.change(caller, ServerId, (state, server) => updateServer(context, arns, input, state, server));
      await control.settled(ServerId);
      return { ServerId };
    },

    async DeleteServer({ ServerId }, caller) {
      const serverId = required('ServerId', ServerId);
      await access.change(caller, serverId, async (state, server) => {
        await state.deleteServer(serverId);
        const resource = arns.server(serverId);
        state.audit({ operation: 'DeleteServer', resource, before: auditedServer(server), after: null });
      });
      await control.settled(serverId);
      return null;
    },

    async StartServer({ ServerId }, caller) {
      await want('StartServer', required('ServerId', ServerId), 'ONLINE', caller);
      return null;
    },

    async StopServer({ ServerId }, caller) {
      await want('StopServer', required('ServerId', ServerId), 'OFFLINE', caller);
      return null;
    },
  };

  async function want(operation: string, serverId: string, wanted: ServerRecord['wanted'], caller: Caller) {
    await access.change(caller, serverId, async (state, server) => {
      const failed = control.stateOf(serverId) === (wanted === 'ONLINE' ? 'START_FAILED' : 'STOP_FAILED');
      if (server.wanted === wanted && !failed) return;
      // Where the last attempt has failed, the new revision of the record asks the nodes for another one.
      await state.putServer({ ...server, wanted });
      const [before, after] = [{ Wanted: server.wanted }, { Wanted: wanted }];
      state.audit({ operation, resource: arns.server(serverId), before, after });
    });
    await control.settled(serverId);
  }
}

async function createServer(context: OperationsContext, arns: Arns, input: Inputs['CreateServer'], caller: Caller) {
  const { control, store, now } = context;
  const settings = newServerSettings(input);
  const tags = sentTags(input.Tags);
  checkTagsOfNoUser(tags);
  checkStaysInScope(caller, tags);
  const hostKeys = await hostKeysOfNewServer(context, input.HostKey);
  refusing(() => {
    control.checkServer(
      settings,
      hostKeys.map(({ privateKey }) => privateKey),
    );
  });

  const ServerId = newId('s');
  await store.change(caller.author, async (state) => {
    const createdAt = now();
    const port = await portFor(context, state, ServerId, askedPort(settings));
    const server = { serverId: ServerId, createdAt, wanted: 'ONLINE', port, settings, tags } as const;
    await state.putServer(server);
    const stored = [];
    // Their order stays in their dates: the first is the one that DescribeServer shows.
    for (const [index, key] of hostKeys.entries())
      stored.push(await storeHostKey(state, ServerId, key, createdAt + index));
    const after = { ...auditedServer(server), HostKeys: stored.map(auditedHostKey) };
    state.audit({ operation: 'CreateServer', resource: arns.server(ServerId), before: null, after });
  });
  await control.settled(ServerId);
  return { ServerId };
}

/**
 * The port of a server, chosen while nobody else changes the state: no two servers get the same, on whichever nodes they are
 * made.
 */
async function portFor(context: OperationsContext, state: StateTransaction, serverId: string, asked: number | null) {
  const { control, store } = context;
  const servers = await state.servers();
  if (asked === null) {
    const view = { ...store.snapshot, servers: new Map(servers.map((server) => [server.serverId, server])) };
    return refusing(() => control.freePort(view));
  }
  const fileServer = control.fileServer?.server;
  const others = [...servers, ...(fileServer === undefined ? [] : [fileServer])];
  const holder = others.find((server) => server.port === asked && server.serverId !== serverId);
  if (holder === undefined) return asked;
  throw invalidMember('ProtocolDetails.SftpPorts', `port ${asked} is taken`);
}

async function updateServer(
  context: OperationsContext,
  arns: Arns,
  input: Inputs['UpdateServer'],
  state: StateTransaction,
  server: ServerRecord,
): Promise<void> {
  const { serverId } = server;
  const settings = changedServerSettings(server.settings, input);
  const port = await portFor(context, state, serverId, askedPort(input) ?? server.port);
  if (server.wanted === 'ONLINE') {
    checkOnlineChange(server.settings, settings);
    if (port !== server.port) throw mustBeOffline('ProtocolDetails.SftpPorts');
  }
  const keys = byAge(await state.hostKeys(serverId));
  const sent =
    input.HostKey === undefined || input.HostKey === '' ? null : sentHostKey(context, 'HostKey', input.HostKey);
  const newKey = keys.length === 1 && keys[0]?.fingerprint === sent?.fingerprint ? null : sent;
  const privateKeys = newKey === null ? keys.map(({ privateKey }) => privateKey) : [newKey.privateKey];
  refusing(() => {
    context.control.checkServer(settings, privateKeys);
  });

  const changed: Draft<ServerRecord> = { ...server, settings, port };
  const changes = differences(auditedServer(server), auditedServer(changed));
  const resource = arns.server(serverId);
  if (changes === null && newKey === null) return;
  await state.putServer(changed);
  if (newKey === null) {
    state.audit({ operation: 'UpdateServer', resource, before: changes?.before, after: changes?.after });
    return;
  }
  // The key that is sent is the server's key from now on. With older ones beside it clients would go on with those.
  for (const { hostKeyId } of keys) await state.deleteHostKey(serverId, hostKeyId);
  const stored = await storeHostKey(state, serverId, newKey, context.now());
  state.audit({
    operation: 'UpdateServer',
    resource,
    before: { ...changes?.before, HostKeys: keys.map(auditedHostKey) },
    after: { ...changes?.after, HostKeys: [auditedHostKey(stored)] },
  });
}

function describe({ control }: OperationsContext, arns: Arns, server: ShownServer): DescribedServer {
  const { serverId, settings, port, tags } = server.record;
  return {
    ...settings,
    Arn: arns.server(serverId),
    ServerId: serverId,
    State: control.stateOf(serverId),
    HostKeyFingerprint: firstFingerprint(server),
    ProtocolDetails: withPort(settings.ProtocolDetails, port),
    UserCount: server.users.size,
    Tags: [...tags],
  };
}

/** The port is there whether it was sent or not: it is how people find the server. */
function withPort(details: ServerRecord['settings']['ProtocolDetails'], port: number) {
  const sent = details?.SftpPorts ?? [];
  return { ...details, SftpPorts: sent.length > 0 ? sent : [{ SftpPort: port }] };
}

function firstFingerprint({ hostKeys }: ShownServer): string | undefined {
  const records = [...hostKeys.values()].flatMap(({ record }) => (record === null ? [] : [record]));
  return byAge(records)[0]?.fingerprint ?? [...hostKeys.values()][0]?.fingerprint;
}
