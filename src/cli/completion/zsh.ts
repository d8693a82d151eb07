import type { CommandNode, Word } from './command-tree.ts';

/** A function for zsh that completes commands and options with their descriptions, and else file names. */
export function zshCompletion(program: string, tree: readonly CommandNode[]): string {
  const name = `_${program.replace(/\W/g, '_')}`;
  return `#compdef ${program}
# zsh completion of ${program}: eval "$(${program} completion zsh)"
${name}() {
  local path_words="" word
  local -i index
  local -a subcommands flags
  for ((index = 2; index < CURRENT; index++)); do
    word="\${words[index]}"
    case "\${path_words:+$path_words }$word" in
${tree
  .filter(({ words }) => words !== '')
  .map(({ words }) => `      ${quotedWord(words)}) path_words=${quotedWord(words)} ;;`)
  .join('\n')}
    esac
  done
  case "$path_words" in
${tree.map(branch).join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -o option flags
  elif (( \${#subcommands} )); then
    _describe command subcommands
  else
    _files
  fi
}
compdef ${name} ${program}
`;
}

function branch({ words, commands, options }: CommandNode): string {
  return `    ${quotedWord(words)}) subcommands=(${commands.map(described).join(' ')}) flags=(${options.map(described).join(' ')}) ;;`;
}

/** As _describe takes it: the word, a colon, what it means. */
function described({ word, description }: Word): string {
  return quotedWord(`${word.replaceAll(':', '\\:')}:${description}`);
}

function quotedWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
