import type { StateChanges } from './read-changes.ts';
import type { RecordKey } from './record-kinds.ts';
import type { StateSnapshot } from './state-store.ts';

export const EMPTY_SNAPSHOT: StateSnapshot = {
  revision: 0,
  servers: new Map(),
  users: new Map(),
  hostKeys: new Map(),
  accesses: new Map(),
  accessKeys: new Map(),
};

interface Change<Stored> extends RecordKey {
  readonly record: Stored | null;
}

interface Versioned {
  readonly revision: number;
}

/**
 * The snapshot after the changes. Maps and records that they do not touch are the same objects as before. The changes may
 * begin earlier than the snapshot: they hold each record as it is at their end.
 */
export function applyChanges(before: StateSnapshot, { revision, whole, records }: StateChanges): StateSnapshot {
  const base = whole ? EMPTY_SNAPSHOT : before;
  return {
    revision,
    servers: flat(base.servers, records.server),
    users: nested(base.users, records.user),
    hostKeys: nested(base.hostKeys, records['host-key']),
    accesses: nested(base.accesses, records.access),
    accessKeys: flat(base.accessKeys, records['access-key']),
  };
}

function flat<Stored extends Versioned>(
  before: ReadonlyMap<string, Stored>,
  changes: readonly Change<Stored>[],
): ReadonlyMap<string, Stored> {
  let after: Map<string, Stored> | null = null;
  for (const { key, record } of changes) {
    const current = before.get(key);
    if (current?.revision === record?.revision) continue;
    after ??= new Map(before);
    if (record === null) after.delete(key);
    else after.set(key, record);
  }
  return after ?? before;
}

/** A server whose last record is gone is gone from the map, too. */
function nested<Stored extends Versioned>(
  before: ReadonlyMap<string, ReadonlyMap<string, Stored>>,
  changes: readonly Change<Stored>[],
): ReadonlyMap<string, ReadonlyMap<string, Stored>> {
  const byParent = Map.groupBy(changes, ({ parent }) => parent);
  let after: Map<string, ReadonlyMap<string, Stored>> | null = null;
  for (const [parent, ofParent] of byParent) {
    const current = before.get(parent);
    const next = flat<Stored>(current ?? new Map<string, Stored>(), ofParent);
    if (next === current || (current === undefined && next.size === 0)) continue;
    after ??= new Map(before);
    if (next.size === 0) after.delete(parent);
    else after.set(parent, next);
  }
  return after ?? before;
}
