import { ConfigError, jsonPathOf } from '../policy/config-error.ts';
import type { Config } from './schema.ts';

/** Of stat(2): everybody on the machine may read the file. */
const READABLE_BY_OTHERS = 0o004;

/** A warning for secrets in a file with this mode that everybody on the machine may read. */
export function openSecrets(config: Config, file: string, mode: number): ConfigError[] {
  // On Windows modes say nothing.
  if (process.platform === 'win32' || (mode & READABLE_BY_OTHERS) === 0) return [];
  const found: { path: (string | number)[]; what: string }[] = [];
  if ('credentials' in config.storage && config.storage.credentials !== undefined) {
    found.push({ path: ['storage', 'credentials'], what: 'the secret key of the storage' });
  }
  const user = config.users.findIndex(({ passwordHash }) => passwordHash !== undefined);
  if (user !== -1) found.push({ path: ['users', user, 'passwordHash'], what: 'password hashes' });
  for (const [name, storage] of Object.entries(config.management?.storages ?? {})) {
    if (!('credentials' in storage) || storage.credentials === undefined) continue;
    found.push({ path: ['management', 'storages', name, 'credentials'], what: 'the secret key of a storage' });
  }
  const state = config.management?.state;
  if (state?.type === 'postgresql' && /^[^/]+:\/\/[^/@]*:[^/@]+@/.test(state.url)) {
    found.push({ path: ['management', 'state', 'url'], what: 'the password of the state' });
  }
  return found.map(
    ({ path, what }) =>
      new ConfigError(file, jsonPathOf(path), `everybody on this machine can read ${what}: chmod o-r the file`),
  );
}
