import { CliError } from './cli-error.ts';

/** What listening fails with, in words that say what to do; `null` for errors that come from elsewhere. */
export function listenError(
  error: unknown,
  { host, port }: { host: string; port: number },
  choose = 'another with --port',
): CliError | null {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return null;
  // A worker process gets the primary's failure as one of bind(2).
  if (error.syscall !== 'listen' && error.syscall !== 'bind' && error.syscall !== 'getaddrinfo') return null;
  const where = `${host} port ${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new CliError(`${where} is in use by another program: choose ${choose}`);
    case 'EACCES':
      return new CliError(`${where} may not be opened: ports below 1024 need a privilege`);
    case 'EADDRNOTAVAIL':
      return new CliError(`${where} cannot be opened: this machine has no such address`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CliError(`${where} cannot be opened: no address is known for that name`);
    default:
      return new CliError(`${where} cannot be opened: ${error.message}`);
  }
}
