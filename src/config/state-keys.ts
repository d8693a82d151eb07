import type { ManagementConfig } from './schema.ts';

type Settings = Pick<ManagementConfig, 'secretKeyFile' | 'secretKeyEnvironment'>;

/** Where the keys are with which the secrets of the state are encrypted. */
export type StateKeys =
  { readonly type: 'file'; readonly file: string } | { readonly type: 'environment'; readonly variable: string };

const DEFAULT_FILE = 'state/secret.key';

/** The settings with an absolute name, and with the default where there are none. */
export function resolveStateKeys(
  { secretKeyFile, secretKeyEnvironment }: Settings,
  absolute: (name: string) => string,
): Settings {
  return secretKeyEnvironment === undefined ? { secretKeyFile: absolute(secretKeyFile ?? DEFAULT_FILE) } : {};
}

/** Of a configuration that has been read. */
export function stateKeys({ secretKeyFile, secretKeyEnvironment }: Settings): StateKeys {
  if (secretKeyEnvironment !== undefined) return { type: 'environment', variable: secretKeyEnvironment };
  if (secretKeyFile === undefined) throw new TypeError('the configuration has not been resolved');
  return { type: 'file', file: secretKeyFile };
}
