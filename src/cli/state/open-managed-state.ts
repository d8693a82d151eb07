import type { ManagementConfig } from '../../config/schema.ts';
import { openState } from '../../state/open-state.ts';
import { SecretUnreadable, type SecretBox } from '../../state/secret-box.ts';
import { StateUnavailable, type StateStore } from '../../state/state-store.ts';
import { CliError } from '../cli-error.ts';

/**
 * Opens the state that a configuration names, and makes its database where it is not there. Rejects with CliError, which says
 * what cannot be used.
 */
export async function openManagedState(
  { state }: Pick<ManagementConfig, 'state'>,
  secrets: SecretBox,
): Promise<StateStore> {
  try {
    return await openState(state, secrets);
  } catch (error) {
    const isKnown = [StateUnavailable, SecretUnreadable].some((known) => error instanceof known);
    throw isKnown ? new CliError(`the state cannot be opened: ${(error as Error).message}`) : error;
  }
}
