import type { Operations } from '../operation.ts';
import type { HostKeyRecord } from '../../state/records.ts';
import type { StateTransaction } from '../../state/state-store.ts';
import { Arns } from './arns.ts';
import { auditedHostKey, differences } from './audit-values.ts';
import type { OperationsContext } from './context.ts';
import { sentHostKey, storeHostKey } from './host-key-drafts.ts';
import { MAX_HOST_KEYS_PER_SERVER } from './limits.ts';
import { pageOf } from './paging.ts';
import { reading } from './reading.ts';
import { alreadyExists, invalid, notFound, refusing, required } from './refusals.ts';
import { ServerAccess, type ShownHostKey } from './server-access.ts';
import { checkTagsOfNoUser, sentTags } from './tag-lists.ts';

type HostKeyOperations = Pick<
  Operations,
  'ImportHostKey' | 'DescribeHostKey' | 'ListHostKeys' | 'UpdateHostKey' | 'DeleteHostKey'
>;

/** The host keys of servers. Those that change which keys clients get answer once this node uses them. */
export function hostKeyOperations(context: OperationsContext): HostKeyOperations {
  const access = new ServerAccess(context);
  const arns = new Arns(context.region, context.account);
  const { control } = context;

  return {
    async ImportHostKey(input, caller) {
      const ServerId = required('ServerId', input.ServerId);
      const tags = sentTags(input.Tags);
      checkTagsOfNoUser(tags);
      const body = required('HostKeyBody', input.HostKeyBody);
      const key = sentHostKey(context, 'HostKeyBody', body, input.Description ?? null, tags);
      const HostKeyId = await access.change(caller, ServerId, async (state, { settings }) => {
        const keys = await state.hostKeys(ServerId);
        const same = keys.find(({ fingerprint }) => fingerprint === key.fingerprint);
        if (same !== undefined) {
          throw alreadyExists('HostKey', same.hostKeyId, `The server has this host key already: ${same.hostKeyId}`);
        }
        if (keys.length >= MAX_HOST_KEYS_PER_SERVER) {
          throw invalid(`A server has at most ${MAX_HOST_KEYS_PER_SERVER} host keys`);
        }
        refusing(() => {
          control.checkServer(settings, [...keys.map(({ privateKey }) => privateKey), key.privateKey]);
        });
        const stored = await storeHostKey(state, ServerId, key, context.now());
        const resource = arns.hostKey(ServerId, stored.hostKeyId);
        state.audit({ operation: 'ImportHostKey', resource, before: null, after: auditedHostKey(stored) });
        return stored.hostKeyId;
      });
      await control.settled(ServerId);
      return { ServerId, HostKeyId };
    },

    DescribeHostKey: reading<'DescribeHostKey'>((input, caller) => {
      const { ServerId, HostKeyId } = namesOf(input);
      const key = access.shown(caller, ServerId).hostKeys.get(HostKeyId);
      if (key === undefined) throw notFound('HostKey', HostKeyId);
      const { Fingerprint, ...shown } = show(arns, ServerId, key);
      const Tags = [...(key.record?.tags ?? [])];
      return { HostKey: { ...shown, HostKeyFingerprint: Fingerprint, Tags } };
    }),

    ListHostKeys: reading<'ListHostKeys'>((input, caller) => {
      const ServerId = required('ServerId', input.ServerId);
      const { hostKeys } = access.shown(caller, ServerId);
      const { items, ...next } = pageOf(['ListHostKeys', ServerId], hostKeys, input);
      return { ServerId, HostKeys: items.map((key) => show(arns, ServerId, key)), ...next };
    }),

    async UpdateHostKey(input, caller) {
      const { ServerId, HostKeyId } = namesOf(input);
      const description = required('Description', input.Description);
      await access.change(caller, ServerId, async (state) => {
        const key = await hostKeyOf(state, ServerId, HostKeyId);
        await putChangedHostKey(arns, state, 'UpdateHostKey', key, { ...key, description });
      });
      return { ServerId, HostKeyId };
    },

    async DeleteHostKey(input, caller) {
      const { ServerId, HostKeyId } = namesOf(input);
      await access.change(caller, ServerId, async (state, { settings }) => {
        const key = await hostKeyOf(state, ServerId, HostKeyId);
        const others = (await state.hostKeys(ServerId)).filter(({ hostKeyId }) => hostKeyId !== HostKeyId);
        if (others.length === 0) throw invalid(`${HostKeyId} is the only host key of the server`);
        refusing(() => {
          control.checkServer(
            settings,
            others.map(({ privateKey }) => privateKey),
          );
        });
        await state.deleteHostKey(ServerId, HostKeyId);
        const resource = arns.hostKey(ServerId, HostKeyId);
        state.audit({ operation: 'DeleteHostKey', resource, before: auditedHostKey(key), after: null });
      });
      await control.settled(ServerId);
      return null;
    },
  };
}

/** The host key as it is now. @throws ApiError ResourceNotFoundException */
export async function hostKeyOf(state: StateTransaction, serverId: string, hostKeyId: string): Promise<HostKeyRecord> {
  const key = (await state.hostKeys(serverId)).find((each) => each.hostKeyId === hostKeyId);
  if (key === undefined) throw notFound('HostKey', hostKeyId);
  return key;
}

/** Writes what is said about a host key, with its audit record; nothing where nothing is different. */
export async function putChangedHostKey(
  arns: Arns,
  state: StateTransaction,
  operation: string,
  key: HostKeyRecord,
  changed: HostKeyRecord,
): Promise<void> {
  const changes = differences(auditedHostKey(key), auditedHostKey(changed));
  if (changes === null) return;
  await state.putHostKey(changed);
  state.audit({ operation, resource: arns.hostKey(key.serverId, key.hostKeyId), ...changes });
}

/** Server and host key of a request. The model requires both. */
function namesOf(input: { readonly ServerId: string | undefined; readonly HostKeyId: string | undefined }) {
  return { ServerId: required('ServerId', input.ServerId), HostKeyId: required('HostKeyId', input.HostKeyId) };
}

function show(arns: Arns, serverId: string, { hostKeyId, type, fingerprint, record }: ShownHostKey) {
  return {
    Arn: arns.hostKey(serverId, hostKeyId),
    HostKeyId: hostKeyId,
    Fingerprint: fingerprint,
    Description: record?.description ?? undefined,
    Type: type,
    DateImported: record === null ? undefined : new Date(record.importedAt),
  };
}
