import type { Command } from 'commander';
import { rotateSecrets } from '../../state/rotate-secrets.ts';
import type { Terminal } from '../terminal.ts';
import { configured, withState } from './configured-state.ts';

/** `latticeport state rotate-secrets`. */
export function registerStateCommands(program: Command, terminal: Terminal): void {
  const state = program.command('state').description('where servers, users and keys are kept');
  configured(
    state.command('rotate-secrets').description('encrypt every secret under the first key of the secret key file'),
  ).action(async ({ config }: { config: string }) => {
    const secrets = await withState(config, rotateSecrets);
    terminal.line(`${secrets} ${secrets === 1 ? 'secret is' : 'secrets are'} encrypted under the first key.`);
  });
}
