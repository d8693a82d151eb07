import type { Draft } from '../../state/state-store.ts';
import type { AccessKeyRecord, HostKeyRecord, ServerRecord, UserKey, UserRecord } from '../../state/records.ts';
import { fingerprintIn } from './public-key-bodies.ts';

/** What the audit trail keeps of a record: what people ask for, nothing that is secret, and no revision. */

export function auditedServer({ settings, port, tags, wanted }: Draft<ServerRecord>): object {
  return { ...settings, Port: port, Wanted: wanted, Tags: tags };
}

export function auditedUser({ settings, keys, tags }: Draft<UserRecord>): object {
  return { ...settings, SshPublicKeys: keys.map(auditedKey), Tags: tags };
}

/** The key itself would make records of a user with many of them large. Its fingerprint says as much. */
export function auditedKey(key: UserKey): object {
  return { SshPublicKeyId: key.keyId, Fingerprint: fingerprintIn(key) };
}

export function auditedHostKey({ hostKeyId, type, fingerprint, description, tags }: Draft<HostKeyRecord>): object {
  return { HostKeyId: hostKeyId, Type: type, HostKeyFingerprint: fingerprint, Description: description, Tags: tags };
}

export function auditedAccessKey({ role, serverTag, description, disabled }: Draft<AccessKeyRecord>): object {
  return { Role: role, ServerTag: serverTag, Description: description, Disabled: disabled };
}

export interface Differences {
  readonly before: object;
  readonly after: object;
}

/** The members of two values that differ, once before and once after the change; null where there are none. */
export function differences(before: object, after: object): Differences | null {
  const [old, young] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const names = [...new Set([...old.keys(), ...young.keys()])].filter(
    (name) => JSON.stringify(old.get(name)) !== JSON.stringify(young.get(name)),
  );
  if (names.length === 0) return null;
  const only = (values: ReadonlyMap<string, unknown>): object =>
    Object.fromEntries(names.filter((name) => values.has(name)).map((name) => [name, values.get(name)]));
  return { before: only(old), after: only(young) };
}
