import { Argument, type Command } from 'commander';
import { processTerminal, type Terminal } from '../terminal.ts';
import { bashCompletion } from './bash.ts';
import { commandTree, type CommandNode } from './command-tree.ts';
import { fishCompletion } from './fish.ts';
import { zshCompletion } from './zsh.ts';

type Shell = 'bash' | 'zsh' | 'fish';

const SHELLS: Readonly<Record<Shell, (program: string, tree: readonly CommandNode[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** `latticeport completion SHELL`: made from the commands that the program has when it runs. */
export function registerCompletionCommand(program: Command, terminal: Terminal = processTerminal()): void {
  program
    .command('completion')
    .description('print what makes a shell complete commands and options')
    .addArgument(new Argument('<shell>').choices(Object.keys(SHELLS)))
    .addHelpText('after', '\nIn ~/.bashrc: eval "$(latticeport completion bash)"')
    .action((shell: Shell) => {
      terminal.line(SHELLS[shell](program.name(), commandTree(program)).trimEnd());
    });
}
