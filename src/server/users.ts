import { readFileSync } from 'node:fs';
import type { AbsenceReason, Identity, IdentityProvider, LoginContext } from '../auth/identity.ts';
import { decoyHash, parsePasswordHash, PasswordHashError } from '../auth/password-hash.ts';
import type { Config, OwnersSetting, UserConfig } from '../config/schema.ts';
import type { PublicKey } from '../crypto/keys/key.ts';
import { KeyFormatError } from '../crypto/keys/key.ts';
import { parseAuthorizedKey } from '../crypto/keys/public-key.ts';
import { ConfigError } from '../policy/config-error.ts';
import type { RequirementSettings } from '../policy/post-quantum-requirement.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { UserView } from '../vfs/user-view.ts';
import { AddressRules } from './address-networks.ts';
import { viewOf } from './user-views.ts';

/** A user of a server, wherever it comes from. */
export interface User extends Identity {
  /** The part of its settings that sessions ask for. */
  readonly settings: RequirementSettings;
  /** What it sees, in a view for one session or several. `store`: that of the server. */
  viewOf(store: ObjectStore): UserView;
  /** What becomes of owners that its clients name; by default as the storage of the server has it. */
  readonly owners?: OwnersSetting;
}

/** Who may log in to a server. */
export interface ServerUsers extends IdentityProvider<User> {
  readonly size: number;
}

/** A user of the configuration, with its keys parsed. */
export interface ConfiguredUser extends User {
  readonly settings: UserConfig;
  readonly addressRules: AddressRules;
}

/** SP 800-132 §5.1: salts of 128 bits or more. */
const FIPS_MIN_SALT_BYTES = 16;

/**
 * Users as the configuration lists them. Throws ConfigError for keys and hashes that cannot be used; in FIPS mode, for
 * hashes that are not PBKDF2's, too.
 */
export class ConfiguredUsers implements ServerUsers, IdentityProvider<ConfiguredUser> {
  /** As costly to check as the configured hashes. */
  readonly decoyHash: string;
  readonly #users: ReadonlyMap<string, ConfiguredUser>;
  /** By blob, in base64: those of the server and those of single users. */
  readonly #caKeys: ReadonlyMap<string, PublicKey>;

  constructor({ users, auth }: Pick<Config, 'users' | 'auth'>, file: string, fipsMode: boolean) {
    const shared = parseLines(auth.trustedUserCaKeys, file, '$.auth.trustedUserCaKeys');
    const byName = new Map<string, ConfiguredUser>();
    users.forEach((settings, index) => {
      const at = `$.users[${index}]`;
      if (byName.has(settings.name))
        throw new ConfigError(file, `${at}.name`, `user "${settings.name}" is there twice`);
      byName.set(settings.name, parseUser(settings, at, file, fipsMode, shared));
    });
    this.#users = byName;
    const ofUsers = [...byName.values()].flatMap(({ certificates }) => certificates?.caKeys ?? []);
    this.#caKeys = new Map([...shared, ...ofUsers].map((key) => [key.blob.toString('base64'), key]));
    this.decoyHash = decoyHash([...byName.values()].flatMap(({ passwordHash }) => passwordHash ?? []));
  }

  get size(): number {
    return this.#users.size;
  }

  findCa(blob: Buffer): PublicKey | undefined {
    return this.#caKeys.get(blob.toString('base64'));
  }

  /** Whatever its address; null where there is no such user, or it is disabled. */
  enabled(userName: string): ConfiguredUser | null {
    const user = this.#users.get(userName);
    return user === undefined || user.settings.disabled ? null : user;
  }

  find(userName: string, context: LoginContext): Promise<ConfiguredUser | null> {
    const user = this.#users.get(userName);
    return Promise.resolve(user === undefined || absenceOf(user, context) !== null ? null : user);
  }

  whyAbsent(userName: string, context: LoginContext): AbsenceReason {
    const user = this.#users.get(userName);
    return (user === undefined ? null : absenceOf(user, context)) ?? 'unknown-user';
  }
}

function absenceOf({ settings, addressRules }: ConfiguredUser, { remoteAddress }: LoginContext): AbsenceReason | null {
  if (settings.disabled) return 'disabled';
  return addressRules.allows(remoteAddress) ? null : 'address-not-allowed';
}

/** Public keys as in authorized_keys, at a place of the configuration. */
function parseLines(lines: readonly string[], file: string, at: string): PublicKey[] {
  return lines.map((line, index): PublicKey => {
    try {
      return parseAuthorizedKey(line);
    } catch (error) {
      if (error instanceof KeyFormatError) {
        throw new ConfigError(file, `${at}[${index}]`, `not a usable public key: ${error.message}`);
      }
      throw error;
    }
  });
}

/** `sharedCaKeys`: those that every user trusts. */
function parseUser(
  settings: UserConfig,
  at: string,
  file: string,
  fipsMode: boolean,
  sharedCaKeys: readonly PublicKey[],
): ConfiguredUser {
  const publicKeys = parseLines(settings.publicKeys, file, `${at}.publicKeys`);
  const caKeys = [...sharedCaKeys, ...parseLines(settings.trustedCaKeys, file, `${at}.trustedCaKeys`)];
  const { setting, passwordHash } = passwordHashOf(settings, at, file);
  if (passwordHash !== null) {
    const problem = passwordHashProblem(settings.name, passwordHash, fipsMode);
    if (problem !== null) throw new ConfigError(file, `${at}.${setting}`, problem);
  }
  const { name, principals = [name] } = settings;
  if (publicKeys.length === 0 && caKeys.length === 0 && passwordHash === null) {
    throw new ConfigError(
      file,
      at,
      `user "${name}" has neither publicKeys nor a passwordHash nor trustedCaKeys: it cannot log in`,
    );
  }
  return {
    ...{ name, publicKeys, passwordHash, settings },
    addressRules: new AddressRules(settings),
    viewOf: (store) => viewOf(settings, store),
    ...(caKeys.length > 0 && { certificates: { caKeys, principals } }),
  };
}

/** The hash, from wherever it is, and the setting that says so. */
function passwordHashOf(
  { name, passwordHash, passwordHashFile }: UserConfig,
  at: string,
  file: string,
): { readonly setting: string; readonly passwordHash: string | null } {
  if (passwordHashFile === undefined) return { setting: 'passwordHash', passwordHash: passwordHash ?? null };
  const setting = 'passwordHashFile';
  if (passwordHash !== undefined) {
    throw new ConfigError(
      file,
      `${at}.${setting}`,
      `user "${name}" has a passwordHash too: only one of them can count`,
    );
  }
  try {
    // Editors and `kubectl create secret --from-file` leave the line's end in.
    return { setting, passwordHash: readFileSync(passwordHashFile, 'utf8').trim() };
  } catch (error) {
    throw new ConfigError(file, `${at}.${setting}`, `cannot be read: ${(error as Error).message}`);
  }
}

function passwordHashProblem(user: string, passwordHash: string, fipsMode: boolean): string | null {
  try {
    const { kind, salt } = parsePasswordHash(passwordHash);
    if (!fipsMode || (kind === 'pbkdf2-sha256' && salt.length >= FIPS_MIN_SALT_BYTES)) return null;
    const why =
      kind === 'scrypt' ? 'is an scrypt hash, which FIPS mode refuses' : 'has a salt that is too short for FIPS mode';
    return `the password of user "${user}" ${why}: make another with "latticeport hash-password --kind pbkdf2-sha256"`;
  } catch (error) {
    if (error instanceof PasswordHashError) return error.message;
    throw error;
  }
}
