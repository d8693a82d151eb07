import type { ManagementConfig } from '../../config/schema.ts';
import { stateKeys } from '../../config/state-keys.ts';
import { ConfigError } from '../../policy/config-error.ts';
import type { SecretBox } from '../../state/secret-box.ts';
import { loadSecretBox, makeSecretKeyFile, SecretKeyError } from '../../state/secret-keys.ts';
import { CliError } from '../cli-error.ts';

/** Where the name of the variable stands. */
const AT = '$.management.secretKeyEnvironment';

/**
 * The keys of the state: those of the file, which is made where it is not there, or of the variable. `onKeyMade` is told of a
 * new file.
 * @throws ConfigError for a variable that is not set or holds something else, CliError for a file that cannot be used
 */
export function stateSecrets(
  configFile: string,
  management: ManagementConfig,
  onKeyMade: (file: string) => void = () => undefined,
): SecretBox {
  const source = stateKeys(management);
  try {
    if (source.type === 'file' && makeSecretKeyFile(source.file)) onKeyMade(source.file);
    return loadSecretBox(source);
  } catch (error) {
    if (!(error instanceof SecretKeyError)) throw error;
    if (source.type === 'file') throw new CliError(`the state cannot be opened: ${error.message}`);
    // Nobody could keep a key that is made here.
    const expected = 'expected keys as lines "id:key", where "openssl rand -base64 32" makes a key';
    throw new ConfigError(configFile, AT, `${error.message}; ${expected}`);
  }
}

/**
 * Takes the keys out of the environment of this process: what it writes about itself, as a diagnostic report does, and what it
 * starts has them no more.
 */
export function forgetStateSecrets(management: ManagementConfig): void {
  const source = stateKeys(management);
  if (source.type === 'environment') Reflect.deleteProperty(process.env, source.variable);
}

/**
 * What a check can say that may run elsewhere than the server: a warning where the variable is not set here.
 * @throws ConfigError where it is set to something else
 */
export function checkStateSecrets(configFile: string, management: ManagementConfig): ConfigError | null {
  const source = stateKeys(management);
  if (source.type === 'file') return null;
  if (process.env[source.variable] !== undefined) {
    stateSecrets(configFile, management);
    return null;
  }
  return new ConfigError(configFile, AT, `the environment's ${source.variable} is not set here: a start needs it`);
}
