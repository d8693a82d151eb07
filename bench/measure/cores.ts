/** The command, bound to the cores (as taskset takes them, "0" or "0-1"); unchanged where `cores` is undefined. */
export function pinned(cores: string | undefined, command: readonly string[]): readonly string[] {
  return cores === undefined ? command : ['taskset', '--cpu-list', cores, ...command];
}
