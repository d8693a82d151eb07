import type { Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import type { ManagementConfig } from '../../config/schema.ts';
import { UnknownAccessKey } from '../../management/access-keys.ts';
import { StateUnavailable, type StateStore } from '../../state/state-store.ts';
import { CliError } from '../cli-error.ts';
import { openManagedState } from './open-managed-state.ts';
import { stateSecrets } from './state-secrets.ts';

/** Adds the option that names the configuration, and so the state. */
export function configured(command: Command): Command {
  return command.option('-c, --config <file>', 'the configuration with the section "management"', 'latticeport.json');
}

/** Throws ConfigError, and CliError for a configuration without the section. */
export function managementOf(file: string): ManagementConfig {
  const { management } = loadConfig(file).config;
  if (management === undefined) throw new CliError(`${file} has no section "management": there is no API to call`);
  return management;
}

/** Does `work` with the state that the configuration names, whether a server runs on it or not. */
export async function withState<Result>(file: string, work: (state: StateStore) => Promise<Result>): Promise<Result> {
  const management = managementOf(file);
  const state = await openManagedState(management, stateSecrets(file, management));
  try {
    return await work(state);
  } catch (error) {
    throw error instanceof StateUnavailable || error instanceof UnknownAccessKey ? new CliError(error.message) : error;
  } finally {
    await state.close();
  }
}
