import type { Operations, OperationTypes } from '../operation.ts';
import type { AccessRecord } from '../../state/records.ts';
import type { StateTransaction } from '../../state/state-store.ts';
import { Arns } from './arns.ts';
import { differences } from './audit-values.ts';
import type { OperationsContext } from './context.ts';
import { pageOf } from './paging.ts';
import { reading } from './reading.ts';
import { alreadyExists, notFound, required } from './refusals.ts';
import { ServerAccess } from './server-access.ts';
import { changedSettings } from './session-settings.ts';

type AccessOperations = Pick<
  Operations,
  'CreateAccess' | 'DescribeAccess' | 'ListAccesses' | 'UpdateAccess' | 'DeleteAccess'
>;
type DescribedAccess = NonNullable<OperationTypes['DescribeAccess'][1]['Access']>;

/** Accesses of directory groups. They are kept, whatever provider the server has: nobody logs in by them yet. */
export function accessOperations(context: OperationsContext): AccessOperations {
  const access = new ServerAccess(context);
  const arns = new Arns(context.region, context.account);

  return {
    async CreateAccess(input, caller) {
      const { ServerId, ExternalId } = namesOf(input);
      const settings = changedSettings({}, input);
      await access.change(caller, ServerId, async (state) => {
        if ((await state.access(ServerId, ExternalId)) !== null) {
          throw alreadyExists('Access', ExternalId, 'Access already exists');
        }
        await state.putAccess({ serverId: ServerId, externalId: ExternalId, settings });
        const resource = arns.access(ServerId, ExternalId);
        state.audit({ operation: 'CreateAccess', resource, before: null, after: settings });
      });
      return { ServerId, ExternalId };
    },

    DescribeAccess: reading<'DescribeAccess'>((input, caller) => {
      const { ServerId, ExternalId } = namesOf(input);
      const found = access.shown(caller, ServerId).accesses.get(ExternalId);
      if (found === undefined) throw notFound('Access', ExternalId);
      const Access: DescribedAccess = { ...found.settings, ExternalId };
      return { ServerId, Access };
    }),

    ListAccesses: reading<'ListAccesses'>((input, caller) => {
      const ServerId = required('ServerId', input.ServerId);
      const { accesses } = access.shown(caller, ServerId);
      const { items, ...next } = pageOf(['ListAccesses', ServerId], accesses, input);
      const Accesses = items.map(({ externalId, settings }) => ({
        HomeDirectory: settings.HomeDirectory,
        HomeDirectoryType: settings.HomeDirectoryType,
        Role: settings.Role,
        ExternalId: externalId,
      }));
      return { ServerId, Accesses, ...next };
    }),

    async UpdateAccess(input, caller) {
      const { ServerId, ExternalId } = namesOf(input);
      await access.change(caller, ServerId, async (state) => {
        const found = await accessOf(state, ServerId, ExternalId);
        const settings = changedSettings(found.settings, input);
        const changes = differences(found.settings, settings);
        if (changes === null) return;
        await state.putAccess({ ...found, settings });
        state.audit({ operation: 'UpdateAccess', resource: arns.access(ServerId, ExternalId), ...changes });
      });
      return { ServerId, ExternalId };
    },

    async DeleteAccess(input, caller) {
      const { ServerId, ExternalId } = namesOf(input);
      await access.change(caller, ServerId, async (state) => {
        const { settings } = await accessOf(state, ServerId, ExternalId);
        await state.deleteAccess(ServerId, ExternalId);
        const resource = arns.access(ServerId, ExternalId);
        state.audit({ operation: 'DeleteAccess', resource, before: settings, after: null });
      });
      return null;
    },
  };
}

async function accessOf(state: StateTransaction, serverId: string, externalId: string): Promise<AccessRecord> {
  const access = await state.access(serverId, externalId);
  if (access === null) throw notFound('Access', externalId);
  return access;
}

/** Server and group of a request. The model requires both. */
function namesOf(input: { readonly ServerId: string | undefined; readonly ExternalId: string | undefined }) {
  return { ServerId: required('ServerId', input.ServerId), ExternalId: required('ExternalId', input.ExternalId) };
}
