import type { Command } from 'commander';
import { stateKeys } from '../../config/state-keys.ts';
import { rotateSecrets } from '../../state/rotate-secrets.ts';
import type { Terminal } from '../terminal.ts';
import { configured, managementOf, withState } from './configured-state.ts';

/** `latticeport state rotate-secrets`. */
export function registerStateCommands(program: Command, terminal: Terminal): void {
  const state = program.command('state').description('where servers, users and keys are kept');
  configured(
    state.command('rotate-secrets').description('encrypt every secret under the first of the secret keys'),
  ).action(async ({ config }: { config: string }) => {
    const secrets = await withState(config, rotateSecrets);
    terminal.line(`${secrets} ${secrets === 1 ? 'secret is' : 'secrets are'} encrypted under the first key.`);
    const keys = stateKeys(managementOf(config));
    if (keys.type === 'file') return;
    terminal.line(`This command knows ${keys.variable} of its own environment only:`);
    terminal.line('a server that was started without this key can read none of these secrets.');
  });
}
