import { randomBytes } from 'node:crypto';
import type { AccessKeyRecord, AccessKeyRole, Author, Tag } from '../state/records.ts';
import type { Draft, StateStore, StateTransaction } from '../state/state-store.ts';
import { auditedAccessKey } from './operations/audit-values.ts';

/** Who calls the management API. These are no operations of it: a command makes access keys on the machine that has the state. */

const ID_PREFIX = 'LPAK';
const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ID_BYTES = 16;
const SECRET_LENGTH = 40;

export interface NewAccessKey {
  readonly role: AccessKeyRole;
  /** Limits the key to servers with that tag. */
  readonly serverTag?: Tag | null;
  readonly description?: string | null;
}

/** There is no access key of that id. */
export class UnknownAccessKey extends Error {
  override readonly name = 'UnknownAccessKey';

  constructor(accessKeyId: string) {
    super(`there is no access key ${accessKeyId}`);
  }
}

/**
 * Makes a key. Its secret is in the answer, and nobody is told it again.
 * @param now milliseconds since the epoch
 * @throws StateUnavailable
 */
export async function createAccessKey(
  store: StateStore,
  author: Author,
  wanted: NewAccessKey,
  now = Date.now(),
): Promise<Draft<AccessKeyRecord>> {
  return store.change(author, (state) => putNewAccessKey(state, wanted, now));
}

/** Makes a key in a change that does more than that. */
export async function putNewAccessKey(
  state: StateTransaction,
  { role, serverTag = null, description = null }: NewAccessKey,
  now: number,
): Promise<Draft<AccessKeyRecord>> {
  const record = {
    accessKeyId: newAccessKeyId(),
    secretAccessKey: newSecret(),
    role,
    serverTag,
    description,
    createdAt: now,
    disabled: false,
  };
  await state.putAccessKey(record);
  const after = auditedAccessKey(record);
  state.audit({ operation: 'CreateAccessKey', resource: record.accessKeyId, before: null, after });
  return record;
}

/** All keys in the order of their making, without their secrets, from the snapshot. */
export function listAccessKeys(store: StateStore): readonly Omit<AccessKeyRecord, 'secretAccessKey'>[] {
  return [...store.snapshot.accessKeys.values()]
    .map(withoutSecret)
    .sort((one, other) => one.createdAt - other.createdAt || (one.accessKeyId < other.accessKeyId ? -1 : 1));
}

function withoutSecret(record: AccessKeyRecord): Omit<AccessKeyRecord, 'secretAccessKey'> {
  const { accessKeyId, role, serverTag, description, createdAt, disabled, revision } = record;
  return { accessKeyId, role, serverTag, description, createdAt, disabled, revision };
}

/** A disabled key stays in the list, and nobody can call with it. @throws UnknownAccessKey, StateUnavailable */
export async function disableAccessKey(store: StateStore, author: Author, accessKeyId: string): Promise<void> {
  await store.change(author, async (state) => {
    const record = await accessKeyOf(state, accessKeyId);
    if (record.disabled) return;
    const disabled = { ...record, disabled: true };
    await state.putAccessKey(disabled);
    const [before, after] = [auditedAccessKey(record), auditedAccessKey(disabled)];
    state.audit({ operation: 'DisableAccessKey', resource: accessKeyId, before, after });
  });
}

/** @throws UnknownAccessKey, StateUnavailable */
export async function deleteAccessKey(store: StateStore, author: Author, accessKeyId: string): Promise<void> {
  await store.change(author, async (state) => {
    const record = await accessKeyOf(state, accessKeyId);
    await state.deleteAccessKey(accessKeyId);
    const before = auditedAccessKey(record);
    state.audit({ operation: 'DeleteAccessKey', resource: accessKeyId, before, after: null });
  });
}

async function accessKeyOf(state: StateTransaction, accessKeyId: string): Promise<AccessKeyRecord> {
  const record = (await state.accessKeys()).find((each) => each.accessKeyId === accessKeyId);
  if (record === undefined) throw new UnknownAccessKey(accessKeyId);
  return record;
}

/** `LPAK` and 16 random characters of 32. */
function newAccessKeyId(): string {
  const characters = [...randomBytes(ID_BYTES)].map((byte) => ID_ALPHABET.charAt(byte % ID_ALPHABET.length));
  return ID_PREFIX + characters.join('');
}

/** 40 letters and digits, 238 bits: shells and configuration files leave them as they are. */
function newSecret(): string {
  let secret = '';
  while (secret.length < SECRET_LENGTH) secret += randomBytes(SECRET_LENGTH).toString('base64').replace(/[+/=]/g, '');
  return secret.slice(0, SECRET_LENGTH);
}
