import type { ManagementConfig } from '../../config/schema.ts';
import { openState } from '../../state/open-state.ts';
import { SecretUnreadable } from '../../state/secret-box.ts';
import { loadSecretBox, makeSecretKeyFile, SecretKeyError } from '../../state/secret-keys.ts';
import { StateUnavailable, type StateStore } from '../../state/state-store.ts';
import { CliError } from '../cli-error.ts';

/**
 * Opens the state that a configuration names, and makes its key and its database where they are not there. `onKeyMade` is
 * told of a new key. Rejects with CliError, which says what cannot be used.
 */
export async function openManagedState(
  { state, secretKeyFile }: Pick<ManagementConfig, 'state' | 'secretKeyFile'>,
  onKeyMade: (file: string) => void = () => undefined,
): Promise<StateStore> {
  try {
    if (makeSecretKeyFile(secretKeyFile)) onKeyMade(secretKeyFile);
    return await openState(state, loadSecretBox({ type: 'file', file: secretKeyFile }));
  } catch (error) {
    const isKnown = [StateUnavailable, SecretKeyError, SecretUnreadable].some((known) => error instanceof known);
    throw isKnown ? new CliError(`the state cannot be opened: ${(error as Error).message}`) : error;
  }
}
