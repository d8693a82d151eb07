import type { HostKeyRecord, Tag } from '../../state/records.ts';
import type { Draft, StateTransaction } from '../../state/state-store.ts';
import type { HostKeyFacts } from '../server-control.ts';
import type { OperationsContext } from './context.ts';
import { newId } from './ids.ts';
import { invalidMember, refusing } from './refusals.ts';

/** A host key that is not stored yet. */
export interface HostKeyToStore extends HostKeyFacts {
  readonly privateKey: string;
  readonly description: string | null;
  readonly tags: readonly Tag[];
}

/**
 * The private key of a request.
 * @param member the API's name of it
 * @throws ApiError InvalidRequestException where it is none. The message says nothing of its content.
 */
export function sentHostKey(
  { control }: OperationsContext,
  member: string,
  privateKey: string,
  description: string | null = null,
  tags: readonly Tag[] = [],
): HostKeyToStore {
  if (privateKey.trim() === '') throw invalidMember(member, 'is empty');
  const { type, fingerprint } = refusing(() => control.inspectHostKey(privateKey), member);
  return { type, fingerprint, privateKey, description, tags };
}

/** The keys of a new server: the one that was sent, or those that the installation makes. */
export async function hostKeysOfNewServer(
  context: OperationsContext,
  sent: string | undefined,
): Promise<readonly HostKeyToStore[]> {
  // The empty string is what a tool sends that has none.
  const keys = sent === undefined || sent === '' ? await context.control.makeHostKeys() : [sent];
  return keys.map((key) => sentHostKey(context, 'HostKey', key));
}

export async function storeHostKey(
  state: StateTransaction,
  serverId: string,
  key: HostKeyToStore,
  importedAt: number,
): Promise<Draft<HostKeyRecord>> {
  const record = { ...key, serverId, hostKeyId: newId('hostkey'), importedAt };
  await state.putHostKey(record);
  return record;
}

/**
 * In the order in which clients get them: of each type the oldest is the one in use, as in the service. Those of one moment
 * stand in the order of their ids.
 */
export function byAge<Key extends { readonly importedAt: number; readonly hostKeyId: string }>(
  keys: Iterable<Key>,
): readonly Key[] {
  return [...keys].sort(
    (one, other) => one.importedAt - other.importedAt || (one.hostKeyId < other.hostKeyId ? -1 : 1),
  );
}
