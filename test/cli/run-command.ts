import type { Readable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { registerCompletionCommand } from '../../src/cli/completion/completion-command.ts';
import { registerManageCommands } from '../../src/cli/manage/manage-commands.ts';
import { registerPolicyCommands } from '../../src/cli/policy/policy-commands.ts';
import { registerAccessKeyCommands } from '../../src/cli/state/access-key-commands.ts';
import { registerAuditCommand } from '../../src/cli/state/audit-command.ts';
import { registerStateCommands } from '../../src/cli/state/state-commands.ts';
import { registerReportCommand } from '../../src/cli/report/report-command.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { registerWhyCommand } from '../../src/cli/report/why-command.ts';

export interface CommandResult {
  readonly output: string;
  /** 0 unless the command sets another. */
  readonly exitCode: number;
}

/** Runs `latticeport ARGS` in this process; what the command throws is thrown. */
export async function runCommand(
  args: readonly string[],
  options: { color?: boolean; stdin?: Readable; environment?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  let output = '';
  let exitCode = 0;
  const terminal: Terminal = {
    color: options.color ?? false,
    columns: 100,
    line: (text = '') => {
      output += `${text}\n`;
    },
    exit: (code) => {
      exitCode = code;
    },
  };
  const program = new Command('latticeport').exitOverride();
  registerPolicyCommands(program, terminal);
  registerReportCommand(program, terminal, options.stdin);
  registerWhyCommand(program, terminal, options.stdin);
  registerAccessKeyCommands(program, terminal);
  registerAuditCommand(program, terminal);
  registerStateCommands(program, terminal);
  registerManageCommands(program, { terminal, environment: options.environment ?? {} });
  registerCompletionCommand(program, terminal);
  // Options were inherited before this: commands made later inherit, these were made by the functions above.
  for (const command of allCommands(program)) {
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => (output += text), writeErr: (text) => (output += text) });
  }
  await program.parseAsync(args, { from: 'user' });
  return { output, exitCode };
}

export { CommanderError };

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
