import { CliError } from '../cli-error.ts';

/** Linux lets everybody open the ports from here on, unless net.ipv4.ip_unprivileged_port_start says otherwise. */
const FIRST_FREE_PORT = 1024;

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
      return new CliError(
        port < FIRST_FREE_PORT
          ? `${where} may not be opened: ports below ${FIRST_FREE_PORT} need root or the capability CAP_NET_BIND_SERVICE ` +
              `(systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE); or choose ${choose}`
          : `${where} may not be opened: the system's rules forbid it (${error.message})`,
      );
    case 'EADDRNOTAVAIL':
      return new CliError(`${where} cannot be opened: this machine has no such address`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CliError(`${where} cannot be opened: no address is known for that name`);
    default:
      return new CliError(`${where} cannot be opened: ${error.message}`);
  }
}
