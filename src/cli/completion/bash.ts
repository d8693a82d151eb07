import type { CommandNode } from './command-tree.ts';

/** A function for bash that completes commands and options; where none fits, bash completes file names. */
export function bashCompletion(program: string, tree: readonly CommandNode[]): string {
  const name = `_${program.replace(/\W/g, '_')}`;
  return `# bash completion of ${program}: eval "$(${program} completion bash)"
${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" skip="" word index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    if [[ -n "$skip" ]]; then [[ "$word" == "=" ]] || skip=""; continue; fi
    case "$path|$word" in
${valueOptions(tree)}
    esac
    case "\${path:+$path }$word" in
${tree
  .filter(({ words }) => words !== '')
  .map(({ words }) => `      '${words}') path='${words}' ;;`)
  .join('\n')}
    esac
  done
  # The value of an option: a file name may be one.
  if [[ -n "$skip" ]]; then COMPREPLY=(); return; fi
  local commands="" options=""
  case "$path" in
${tree.map(branch).join('\n')}
  esac
  if [[ "$current" == -* ]]; then commands="$options"; fi
  COMPREPLY=($(compgen -W "$commands" -- "$current"))
}
complete -o default -F ${name} ${program}
`;
}

function branch({ words, commands, options }: CommandNode): string {
  const list = (all: readonly { readonly word: string }[]): string => all.map(({ word }) => word).join(' ');
  return `    '${words}') commands="${list(commands)}" options="${list(options)}" ;;`;
}

/** A case for each command that has options with a value: the word after one is no command. */
function valueOptions(tree: readonly CommandNode[]): string {
  return tree
    .flatMap(({ words, options }) => {
      const names = options
        .filter(({ takesValue }) => takesValue)
        .flatMap(({ word, short }) => (short === null ? [word] : [short, word]));
      return names.length === 0
        ? []
        : [`      ${names.map((each) => `'${words}|${each}'`).join(' | ')}) skip=1; continue ;;`];
    })
    .join('\n');
}
