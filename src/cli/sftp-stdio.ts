import type { Readable, Writable } from 'node:stream';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { SftpObserver } from '../sftp/events.ts';
import { NO_IDENTITY_NAMES, type IdentityNames } from '../sftp/identity-names.ts';
import { EXTENSIONS, REQUEST_NAMES } from '../sftp/request-table.ts';
import { SftpSession } from '../sftp/session.ts';
import { LocalStore } from '../storage/local/local-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { READ_WRITE } from '../vfs/permissions.ts';
import { UserView } from '../vfs/user-view.ts';
import { CliError } from './cli-error.ts';
import { systemIdentityNames } from './system-identity-names.ts';

/** In the manner of OpenSSH's sftp-server(8), whose letters are in brackets. */
export interface SftpStdioOptions {
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

export interface SftpStdioStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Ends the session as a lost connection does (SIGTERM). */
  readonly signal?: AbortSignal;
}

const LOG_LEVELS = ['QUIET', 'FATAL', 'ERROR', 'INFO', 'VERBOSE', 'DEBUG', 'DEBUG1', 'DEBUG2', 'DEBUG3'] as const;

/** Bytes from the client that may wait for a slow store before its pipe is left unread. */
const READ_AHEAD_BYTES = 2 * 1024 * 1024;

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
  const limits = {
    readOnly: options.readOnly ?? false,
    ...(options.allowedRequests === undefined ? {} : { allowedRequests: requestNames(options.allowedRequests) }),
    ...(options.deniedRequests === undefined ? {} : { deniedRequests: requestNames(options.deniedRequests) }),
    umask: umask === undefined ? inheritedUmask() : octal(umask),
  };
  const observer = logTo(streams.stderr, options.logLevel);
  const home = options.startDirectory === undefined ? undefined : expandTokens(options.startDirectory);
  const store = await LocalStore.open(root, { fsync: 'never', hardlinks: true, symlinks: true });
  try {
    const view = localView(store, home ?? (root === '/' ? process.cwd() : '/'));
    const names = await systemIdentityNames();
    return await serve(view, { ...limits, observer, names }, streams);
  } finally {
    await store.close();
  }
}

/** The session over a view that the caller has made. */
export function serve(
  view: UserView,
  options: { readonly observer?: SftpObserver; readonly names?: IdentityNames } & ConstructorParameters<
    typeof SftpSession
  >[2],
  { stdin, stdout, signal }: SftpStdioStreams,
): Promise<number> {
  return new Promise((resolve) => {
    let waiting = 0;
    const session = new SftpSession(
      {
        write: (chunks) => {
          let more = true;
          stdout.cork();
          for (const chunk of chunks) more = stdout.write(chunk);
          stdout.uncork();
          return more;
        },
        consumed: (bytes) => {
          waiting -= bytes;
          if (waiting < READ_AHEAD_BYTES && stdin.isPaused()) stdin.resume();
        },
        close: (exitStatus) => {
          // What is under way in the pipe leaves before the process may.
          stdout.write('', () => {
            finish(exitStatus);
          });
        },
      },
      view,
      { names: NO_IDENTITY_NAMES, ...options },
    );
    let finished = false;
    const finish = (exitStatus: number): void => {
      if (finished) return;
      finished = true;
      stdin.destroy();
      resolve(exitStatus);
    };
    const lost = (reason: string): void => {
      void session.abort(reason).then(() => {
        finish(1);
      });
    };
    stdin.on('data', (chunk: Buffer) => {
      waiting += chunk.length;
      if (waiting >= READ_AHEAD_BYTES) stdin.pause();
      session.receive(chunk);
    });
    stdin.on('end', () => {
      session.end();
    });
    stdin.on('error', (error) => {
      lost(error.message);
    });
    stdout.on('error', (error) => {
      lost(error.message);
    });
    stdout.on('drain', () => {
      session.drained();
    });
    signal?.addEventListener('abort', () => {
      lost('stopped by a signal');
    });
  });
}

function localView(store: ObjectStore, home: string): UserView {
  if (!path.isAbsolute(home)) throw new CliError(`the start directory is not an absolute path: ${home}`);
  return new UserView({
    directories: [{ entry: '/', store, path: '' }],
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
