import type { Command, Option } from 'commander';

/** What can stand after the words of a command. */
export interface CommandNode {
  /** The words, without the program's name: `server list`; empty for the program itself. */
  readonly words: string;
  readonly commands: readonly Word[];
  readonly options: readonly OptionWord[];
}

/** A word, and what it means. */
export interface Word {
  readonly word: string;
  readonly description: string;
}

interface OptionWord extends Word {
  /** `-c`; null: it has none. */
  readonly short: string | null;
  readonly takesValue: boolean;
}

/** The program and every command below it, a parent before its commands, as commander's help shows them. */
export function commandTree(command: Command, words = ''): CommandNode[] {
  const help = command.createHelp();
  // Its own `help` is there for every command, and leads nowhere.
  const commands = help.visibleCommands(command).filter((each) => command.commands.includes(each));
  const node: CommandNode = {
    words,
    commands: commands.map((each) => ({ word: each.name(), description: each.description() })),
    options: help.visibleOptions(command).flatMap(optionWord),
  };
  return [node, ...commands.flatMap((each) => commandTree(each, `${words} ${each.name()}`.trimStart()))];
}

function optionWord(option: Option): OptionWord[] {
  if (option.long === undefined) return [];
  const { long, short = null, description, required, optional } = option;
  return [{ word: long, short, description, takesValue: required || optional }];
}
