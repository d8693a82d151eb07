import type { CommandNode } from './command-tree.ts';

/** Lines for fish that complete commands and options with their descriptions; file names stay possible at a command's end. */
export function fishCompletion(program: string, tree: readonly CommandNode[]): string {
  const name = `__${program.replace(/\W/g, '_')}_at`;
  const paths = tree.filter(({ words }) => words !== '').map(({ words }) => quotedWord(words));
  const lines = tree.flatMap((node) => nodeLines(program, name, node));
  return `# fish completion of ${program}: ${program} completion fish | source
function ${name}
  set -l path
  for word in (commandline -opc)[2..]
    set -l longer (string join ' ' $path $word)
    if contains -- $longer ${paths.join(' ')}
      set path $longer
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function nodeLines(program: string, name: string, { words, commands, options }: CommandNode): string[] {
  const here = `complete -c ${program} -n ${quotedWord(`${name} ${quotedWord(words)}`)}`;
  return [
    ...commands.map(({ word, description }) => `${here} -f -a ${quotedWord(word)} -d ${quotedWord(description)}`),
    ...options.map(({ word, short, description, takesValue }) => {
      const names = `${short === null ? '' : `-s ${short.slice(1)} `}-l ${word.slice(2)}`;
      return `${here} ${names}${takesValue ? ' -r' : ''} -d ${quotedWord(description)}`;
    }),
  ];
}

/** In fish's single quotes only the quote and the backslash are more than themselves. */
function quotedWord(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
