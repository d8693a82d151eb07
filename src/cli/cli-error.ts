/** Something that the person at the command line did or has to do: printed without a stack, exit code 1. */
export class CliError extends Error {
  override readonly name = 'CliError';
}
