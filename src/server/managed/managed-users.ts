import type { AbsenceReason, LoginContext } from '../../auth/identity.ts';
import type { StorageConfig } from '../../config/schema.ts';
import { KeyFormatError, type PublicKey } from '../../crypto/keys/key.ts';
import { parseAuthorizedKey } from '../../crypto/keys/public-key.ts';
import { SettingRefused } from '../../management/server-control.ts';
import type { UserRecord } from '../../state/records.ts';
import type { AssumedRole, ObjectStore } from '../../storage/object-store.ts';
import { UserView } from '../../vfs/user-view.ts';
import { AddressRules } from '../address-networks.ts';
import type { ServerUsers, User } from '../users.ts';
import type { ManagedStorage } from './managed-storages.ts';
import { PolicyRules } from './session-policy/policy-rules.ts';
import type { Sights, UserSight } from './user-sight.ts';
import { sightOf } from './user-sight.ts';
import type { UserTagSettings } from './user-tags.ts';
import { accessTags, userTagSettings } from './user-tags.ts';

/** A record, checked and parsed. */
interface KnownUser {
  readonly publicKeys: readonly PublicKey[];
  readonly tags: UserTagSettings;
  readonly addressRules: AddressRules;
  readonly sight: UserSight;
  /** For every session, where the user's view does not depend on where the client is. */
  readonly user: User;
}

/** By name. */
type UserRecords = ReadonlyMap<string, UserRecord>;

const NOBODY: UserRecords = new Map();

/**
 * The users of one server, as the newest snapshot of the state has them. A record is parsed when its user first logs in, and
 * again when another has replaced it: a login costs the same with ten users and with ten thousand.
 */
export class ManagedUsers implements ServerUsers {
  readonly #sights: Sights;
  readonly #now: () => number;
  /** A setting of the server: see `UserViewOptions`. */
  readonly #ignoresSetStat: boolean;
  readonly #known = new WeakMap<UserRecord, KnownUser>();
  #records = NOBODY;

  /** `now` in milliseconds since the epoch. */
  constructor(sights: Sights, ignoresSetStat: boolean, records: UserRecords = NOBODY, now: () => number = Date.now) {
    this.#sights = sights;
    this.#ignoresSetStat = ignoresSetStat;
    this.#records = records;
    this.#now = now;
  }

  get size(): number {
    return this.#records.size;
  }

  get records(): UserRecords {
    return this.#records;
  }

  /** From now on these are the users. */
  use(records: UserRecords = NOBODY): void {
    this.#records = records;
  }

  /** Rejects with SettingRefused for a user that the configuration has no place for any more. */
  find(userName: string, context: LoginContext): Promise<User | null> {
    return new Promise((resolve) => {
      resolve(this.#find(userName, context));
    });
  }

  whyAbsent(userName: string, { remoteAddress }: LoginContext): AbsenceReason {
    const record = this.#records.get(userName);
    return (record === undefined ? null : this.#absenceOf(record, remoteAddress)) ?? 'unknown-user';
  }

  #absenceOf(record: UserRecord, remoteAddress: string): AbsenceReason | null {
    // First of all: a session of a user who may not be there ends, whatever else of the record this node can use.
    const { disabled, expiresAt } = accessTags(record.tags);
    if (disabled) return 'disabled';
    if (expiresAt !== null && expiresAt <= this.#now()) return 'expired';
    return this.#knownUser(record).addressRules.allows(remoteAddress) ? null : 'address-not-allowed';
  }

  #find(userName: string, { remoteAddress }: LoginContext): User | null {
    const record = this.#records.get(userName);
    if (record === undefined || this.#absenceOf(record, remoteAddress) !== null) return null;
    const known = this.#knownUser(record);
    if (known.sight.policy?.asksForSource !== true) return known.user;
    return userOf(userName, known, this.#ignoresSetStat, remoteAddress);
  }

  /** When the next of the users expires; null where none does. Milliseconds since the epoch. */
  nextExpiry(): number | null {
    const now = this.#now();
    let next: number | null = null;
    for (const { tags } of this.#records.values()) {
      if (tags.length === 0) continue;
      const { expiresAt } = accessTags(tags);
      if (expiresAt !== null && expiresAt > now && (next === null || expiresAt < next)) next = expiresAt;
    }
    return next;
  }

  #knownUser(record: UserRecord): KnownUser {
    const known = this.#known.get(record);
    if (known !== undefined) return known;
    const parsed = parseUser(record, this.#sights);
    const made = { ...parsed, user: userOf(record.userName, parsed, this.#ignoresSetStat, undefined) };
    this.#known.set(record, made);
    return made;
  }
}

/** @throws SettingRefused where a member of the record cannot work on this installation */
export function parseUser(record: Omit<UserRecord, 'revision'>, sights: Sights): Omit<KnownUser, 'user'> {
  const tags = userTagSettings(record.tags);
  return {
    publicKeys: record.keys.map(({ body }) => parseKey(body)),
    tags,
    addressRules: new AddressRules(tags),
    sight: sightOf(record, sights),
  };
}

function parseKey(body: string): PublicKey {
  try {
    return parseAuthorizedKey(body.trim());
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error;
    throw new SettingRefused('SshPublicKeyBody', `not a usable public key: ${error.message}`);
  }
}

/** One setting holds for all storages of a user: the one that allows least. */
function strictestOwners(areas: UserSight['areas']): StorageConfig['owners'] {
  const settings = areas.map(({ storage }) => storage.settings.owners);
  return (['refuse', 'ignore'] as const).find((owners) => settings.includes(owners)) ?? 'set';
}

/** @throws TypeError where the store assumes no roles: `sightOf` has seen to it that there is no such user */
function storeFor({ store }: ManagedStorage, assumed: AssumedRole | null): ObjectStore {
  if (assumed === null) return store;
  // Its own credentials never stand in for those of a role.
  if (store.assuming === undefined) throw new TypeError('this store assumes no roles');
  return store.assuming(assumed);
}

function userOf(
  name: string,
  { publicKeys, tags, sight }: Omit<KnownUser, 'user'>,
  ignoresSetStat: boolean,
  sourceIp: string | undefined,
): User {
  const { areas, home, permissions, policy, assumed } = sight;
  return {
    name,
    publicKeys,
    passwordHash: null,
    settings: { requirePostQuantum: tags.requirePostQuantum },
    owners: strictestOwners(areas),
    viewOf: () =>
      new UserView({
        directories: areas.map(({ entry, bucket, storage, path, isFile }) => ({
          entry,
          store: storeFor(storage, assumed),
          path,
          isFile,
          ...(policy === null ? {} : { rules: new PolicyRules(policy, bucket, sourceIp) }),
        })),
        home,
        permissions,
        userName: name,
        ignoresSetStat,
      }),
  };
}
