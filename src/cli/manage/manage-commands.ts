import type { Command } from 'commander';
import { processTerminal } from '../terminal.ts';
import type { CommandContext } from './command-context.ts';
import { registerHostKeyCommands } from './host-key-commands.ts';
import { registerImportCommand } from './import/import-command.ts';
import { registerKeyCommands } from './key-commands.ts';
import { registerSecurityPolicyCommands } from './security-policy-commands.ts';
import { registerServerCommands } from './server-commands.ts';
import { registerSessionCommands } from './session-commands.ts';
import { registerUserCommands } from './user-commands.ts';

/** Adds the commands that are clients of the management API. */
export function registerManageCommands(
  program: Command,
  context: CommandContext = { terminal: processTerminal(), environment: process.env },
): void {
  registerServerCommands(program, context);
  registerUserCommands(program, context);
  registerKeyCommands(program, context);
  registerHostKeyCommands(program, context);
  registerSessionCommands(program, context);
  registerSecurityPolicyCommands(program, context);
  registerImportCommand(program, context);
}
