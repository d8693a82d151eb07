import type { Identity, IdentityProvider } from '../auth/identity.ts';
import { parsePasswordHash, PasswordHashError } from '../auth/password-hash.ts';
import type { UserConfig } from '../config/schema.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { KeyFormatError } from '../crypto/keys.ts';
import { parseAuthorizedKey } from '../crypto/public-key.ts';
import { ConfigError } from '../policy/config-error.ts';

/** A user of the configuration, with its keys parsed. */
export interface User extends Identity {
  readonly settings: UserConfig;
}

/** Users as the configuration lists them. Throws ConfigError for keys and hashes that cannot be used. */
export class ConfiguredUsers implements IdentityProvider<User> {
  readonly #users: ReadonlyMap<string, User>;

  constructor(users: readonly UserConfig[], file: string) {
    const byName = new Map<string, User>();
    users.forEach((settings, index) => {
      const at = `$.users[${index}]`;
      if (byName.has(settings.name))
        throw new ConfigError(file, `${at}.name`, `user "${settings.name}" is there twice`);
      byName.set(settings.name, parseUser(settings, at, file));
    });
    this.#users = byName;
  }

  get size(): number {
    return this.#users.size;
  }

  find(userName: string): Promise<User | null> {
    return Promise.resolve(this.#users.get(userName) ?? null);
  }
}

function parseUser(settings: UserConfig, at: string, file: string): User {
  const publicKeys = settings.publicKeys.map((line, index): PublicKey => {
    try {
      return parseAuthorizedKey(line);
    } catch (error) {
      if (error instanceof KeyFormatError) {
        throw new ConfigError(file, `${at}.publicKeys[${index}]`, `not a usable public key: ${error.message}`);
      }
      throw error;
    }
  });
  const passwordHash = settings.passwordHash ?? null;
  if (passwordHash !== null) {
    try {
      parsePasswordHash(passwordHash);
    } catch (error) {
      if (error instanceof PasswordHashError) throw new ConfigError(file, `${at}.passwordHash`, error.message);
      throw error;
    }
  }
  if (publicKeys.length === 0 && passwordHash === null) {
    throw new ConfigError(
      file,
      at,
      `user "${settings.name}" has neither publicKeys nor a passwordHash: it cannot log in`,
    );
  }
  return { name: settings.name, publicKeys, passwordHash, settings };
}
