import { LATTICEPORT } from './records.ts';
import type { StateStore } from './state-store.ts';

/**
 * Encrypts every secret of the state under the first key of its SecretBox, in one change. After it the keys that were first
 * before are needed for backups only.
 * @returns how many secrets there are
 * @throws StateUnavailable, SecretUnreadable
 */
export async function rotateSecrets(state: StateStore): Promise<number> {
  return state.change(LATTICEPORT, async (transaction) => {
    let secrets = 0;
    for (const { serverId } of await transaction.servers()) {
      for (const hostKey of await transaction.hostKeys(serverId)) {
        await transaction.putHostKey(hostKey);
        secrets += 1;
      }
    }
    for (const accessKey of await transaction.accessKeys()) {
      await transaction.putAccessKey(accessKey);
      secrets += 1;
    }
    transaction.audit({ operation: 'RotateSecrets', resource: 'state', before: null, after: { secrets } });
    return secrets;
  });
}
