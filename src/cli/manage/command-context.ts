import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { ManagementApi } from './api-client.ts';
import { addApiOptions, apiAccess, type ApiOptions } from './api-options.ts';
import { chosenServer } from './chosen-server.ts';

/** What the commands take from the process. Tests pass their own. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
}

export interface ServerOptions extends ApiOptions {
  readonly server?: string;
}

/** Adds the options of the API and `--server`. */
export function addServerOption(command: Command): Command {
  return addApiOptions(command).option('-s, --server <id>', 'the server (default: the only one)');
}

/** Does `work` with the API that the options name, and closes it. */
export async function withApi(
  { environment }: CommandContext,
  options: ApiOptions,
  work: (api: ManagementApi) => Promise<void>,
): Promise<void> {
  const api = await ManagementApi.open(apiAccess(options, environment));
  try {
    await work(api);
  } finally {
    api.close();
  }
}

/** As `withApi`, with the server that `--server` names, or the only one. */
export function withServer(
  context: CommandContext,
  options: ServerOptions,
  work: (api: ManagementApi, ServerId: string) => Promise<void>,
): Promise<void> {
  return withApi(context, options, async (api) => work(api, await chosenServer(api, options.server)));
}

/** For options that may be repeated. */
export function repeated(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
