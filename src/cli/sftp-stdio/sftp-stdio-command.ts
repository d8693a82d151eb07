import type { Command } from 'commander';
import { describeProtocol, runSftpStdio, type SftpStdioOptions } from './sftp-stdio.ts';

interface Options {
  readonly config?: string;
  readonly user?: string;
  readonly root?: string;
  readonly d?: string;
  readonly R?: true;
  readonly p?: string;
  readonly P?: string;
  readonly u?: string;
  readonly l?: string;
  readonly Q?: string;
}

/** `latticeport sftp-stdio`: the options of OpenSSH's sftp-server(8), for which it can stand in. */
export function registerSftpStdioCommand(program: Command): void {
  program
    .command('sftp-stdio')
    .description('serve one SFTP session on standard input and output, without SSH')
    .option('--config <file>', 'serve the storage of this configuration (S3 or local), as --user sees it')
    .option('--user <name>', 'a user of --config')
    .option('--root <directory>', 'what the client sees as / (default: the whole machine)')
    .option('-d <directory>', 'where the client starts; %d is the home, %u the user (default: the working directory)')
    .option('-R', 'read-only: refuse every request that changes anything')
    .option('-p <requests>', 'allow these requests only, comma-separated')
    .option('-P <requests>', 'refuse these requests, comma-separated')
    .option('-u <umask>', 'mode bits taken away from new files and directories, octal')
    .option('-l <level>', 'log level, to standard error: QUIET, ERROR, INFO, VERBOSE, DEBUG (default: ERROR)')
    .option('-e', 'as in sftp-server(8); the log goes to standard error in any case')
    .option('-f <facility>', 'as in sftp-server(8), without effect')
    .option('-Q <feature>', 'print the known "requests" or "extensions" and exit')
    // As sftp-server does: sshd's and scp's test suites put words after the options.
    .allowExcessArguments()
    .action(async (options: Options) => {
      if (options.Q !== undefined) {
        process.stdout.write(`${describeProtocol(options.Q).join('\n')}\n`);
        return;
      }
      await runUntilSignal(fromLetters(options));
    });
}

/** Runs the session; a signal that would end the process ends the session first, so that no temporary file is left. */
async function runUntilSignal(options: SftpStdioOptions): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stop.abort();
    });
  }
  const { stdin, stdout, stderr } = process;
  process.exitCode = await runSftpStdio(options, { stdin, stdout, stderr, signal: stop.signal });
}

function fromLetters({ config, user, root, d, R, p, P, u, l }: Options): SftpStdioOptions {
  return {
    readOnly: R ?? false,
    ...(config === undefined ? {} : { config }),
    ...(user === undefined ? {} : { user }),
    ...(root === undefined ? {} : { root }),
    ...(d === undefined ? {} : { startDirectory: d }),
    ...(p === undefined ? {} : { allowedRequests: p }),
    ...(P === undefined ? {} : { deniedRequests: P }),
    ...(u === undefined ? {} : { umask: u }),
    ...(l === undefined ? {} : { logLevel: l }),
  };
}
