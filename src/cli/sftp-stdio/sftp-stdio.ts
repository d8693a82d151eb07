import type { Writable } from 'node:stream';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { SftpObserver } from '../../sftp/events.ts';
import { EXTENSIONS, REQUEST_NAMES } from '../../sftp/request-table.ts';
import type { SftpSessionOptions } from '../../sftp/session.ts';
import { LocalStore } from '../../storage/local/local-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { STORE_ROOT } from '../../storage/store-path.ts';
import { READ_WRITE } from '../../vfs/permissions.ts';
import { UserView } from '../../vfs/user-view.ts';
import { CliError } from '../cli-error.ts';
import { serveOverPipes, type SftpStdioStreams } from './sftp-over-pipes.ts';
import { systemIdentityNames } from './system-identity-names.ts';

/** In the manner of OpenSSH's sftp-server(8), whose letters are in brackets. */
export interface SftpStdioOptions {
  /** A configuration file of `latticeport serve`: its storage, seen as `user` sees it. Instead of `root`. */
  readonly config?: string;
  /** A user of `config`. */
  readonly user?: string;
  /** The directory that the client sees as '/'. Default: the machine's own root. */
  readonly root?: string;
  /** [-d] Where the client starts, in its view. Default: the working directory, or '/' with `root`. */
  readonly startDirectory?: string;
  /** [-R] */
  readonly readOnly?: boolean;
  /** [-p] Names of requests, comma-separated; all others are refused. */
  readonly allowedRequests?: string;
  /** [-P] */
  readonly deniedRequests?: string;
  /** [-u] Octal; default: the process's own. */
  readonly umask?: string;
  /** [-l] QUIET to DEBUG3; what is logged goes to standard error. Default ERROR. */
  readonly logLevel?: string;
}

const LOG_LEVELS = ['QUIET', 'FATAL', 'ERROR', 'INFO', 'VERBOSE', 'DEBUG', 'DEBUG1', 'DEBUG2', 'DEBUG3'] as const;

/** [-Q] What the program knows: the names for `-p` and `-P`, or the extensions with their revisions. */
export function describeProtocol(feature: string): readonly string[] {
  if (feature === 'requests') return REQUEST_NAMES;
  if (feature === 'extensions') return EXTENSIONS.map(({ extensionName, revision }) => `${extensionName} ${revision}`);
  throw new CliError(`nothing is known of "${feature}": requests or extensions`);
}

/**
 * One SFTP session on standard input and output, without SSH: as a `Subsystem` of sshd, in an authorized_keys command, or
 * under a test suite. Answers the exit status when everything is answered and closed.
 * @throws CliError on options that make no sense
 */
export async function runSftpStdio(options: SftpStdioOptions, streams: SftpStdioStreams): Promise<number> {
  const { root = '/', umask } = options;
  const session: SftpSessionOptions = {
    readOnly: options.readOnly ?? false,
    ...(options.allowedRequests === undefined ? {} : { allowedRequests: requestNames(options.allowedRequests) }),
    ...(options.deniedRequests === undefined ? {} : { deniedRequests: requestNames(options.deniedRequests) }),
    umask: umask === undefined ? inheritedUmask() : octal(umask),
    observer: logTo(streams.stderr, options.logLevel),
  };
  const home = options.startDirectory === undefined ? undefined : expandTokens(options.startDirectory);
  if (options.config !== undefined) {
    if (options.root !== undefined || home !== undefined) throw new CliError('a configured user has a root and a home');
    // Configuration, logger and S3 client take long to load: only those who use them wait for them.
    const { openConfiguredView } = await import('./configured-view.ts');
    const { view, store, owners } = await openConfiguredView(options.config, options.user, streams.stderr);
    return await serveAndClose(view, store, { ...session, owners }, streams);
  }
  const store = await LocalStore.open(root, { fsync: 'never', hardlinks: true, symlinks: true });
  const view = localView(store, home ?? (root === '/' ? process.cwd() : '/'));
  return await serveAndClose(view, store, { ...session, owners: 'set', names: await systemIdentityNames() }, streams);
}

async function serveAndClose(
  view: UserView,
  store: ObjectStore,
  options: SftpSessionOptions,
  streams: SftpStdioStreams,
): Promise<number> {
  try {
    return await serveOverPipes(view, options, streams);
  } finally {
    await store.close();
  }
}

function localView(store: ObjectStore, home: string): UserView {
  if (!path.isAbsolute(home)) throw new CliError(`the start directory is not an absolute path: ${home}`);
  return new UserView({
    directories: [{ entry: '/', store, path: STORE_ROOT }],
    home,
    permissions: READ_WRITE,
    userName: userInfo().username,
  });
}

function requestNames(list: string): string[] {
  const names = list.split(',').filter((name) => name !== '');
  for (const name of names) {
    if (!REQUEST_NAMES.includes(name)) throw new CliError(`no such request: "${name}" (see -Q requests)`);
  }
  return names;
}

/** Node tells the umask only to those who set it. */
function inheritedUmask(): number {
  const inherited = process.umask(0o077);
  process.umask(inherited);
  return inherited;
}

function octal(text: string): number {
  if (!/^0?[0-7]{1,4}$/.test(text)) throw new CliError(`the umask is not an octal number: "${text}"`);
  return Number.parseInt(text, 8) & 0o777;
}

/** sftp-server(8), -d: %d is the user's home, %u its name, %% a percent sign. */
function expandTokens(text: string): string {
  const { homedir, username } = userInfo();
  return text.replaceAll(/%(.?)/g, (_token, letter: string) => {
    if (letter === 'd') return homedir;
    if (letter === 'u') return username;
    if (letter === '%') return '%';
    throw new CliError(`unknown token in the start directory: %${letter}`);
  });
}

function logTo(stderr: Writable, levelName = 'ERROR'): SftpObserver {
  const level = LOG_LEVELS.findIndex((name) => name === levelName.toUpperCase());
  if (level === -1) throw new CliError(`no such log level: "${levelName}" (${LOG_LEVELS.join(', ')})`);
  const say = (from: (typeof LOG_LEVELS)[number], text: string): void => {
    if (level >= LOG_LEVELS.indexOf(from)) stderr.write(`sftp-stdio: ${text}\r\n`);
  };
  return {
    action: ({ kind, ...fields }, failure) => {
      say('INFO', `${kind} ${JSON.stringify(fields)}${failure === undefined ? '' : `: ${failure.message}`}`);
    },
    ...(level < LOG_LEVELS.indexOf('DEBUG')
      ? {}
      : {
          answered: (request, status, milliseconds) => {
            say('DEBUG', `${request}: status ${status} after ${milliseconds.toFixed(1)} ms`);
          },
        }),
    internalError: (request, error) => {
      say('ERROR', `internal error in ${request}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    },
    ended: (how, detail) => {
      say(how === 'protocol-error' ? 'ERROR' : 'VERBOSE', `session ended (${how}): ${detail}`);
    },
  };
}
