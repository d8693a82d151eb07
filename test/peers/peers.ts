// Finds the programs of other projects that the tests talk to: on this machine, unpacked side by side, or in the sid root
// (test/peers/install.sh puts them there). A peer that is not installed, or is not one that peer-table.ts asks for, is
// `null`: its test is skipped by name. That is decided before a test begins.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { PEERS, type PeerHome, type PeerName, type PeerRow } from './peer-table.ts';
import { compareVersions, whyNotIn } from './versions.ts';

export type { PeerHome, PeerName } from './peer-table.ts';

export interface Peer {
  readonly name: PeerName;
  readonly home: PeerHome;
  /** As the program itself says it, such as "10.0p2". */
  readonly version: string;
  /** The folder that its programs have to be started in, where they look for their files from there. */
  readonly directory?: string;
  /** The peer's main program, ready to be started with arguments appended. */
  readonly command: readonly string[];
  /** Another program of the same home, such as `ssh-keygen` beside `ssh`; `null` where it does not exist. */
  readonly program: (name: string) => readonly string[] | null;
}

/** What was found, or why there is nothing that the tests can use, as a test's name says it. */
export type Found =
  | {
      readonly home: PeerHome;
      readonly version: string;
      readonly command: readonly string[];
      readonly directory?: string;
    }
  | { readonly missing: string };

type Environment = Readonly<Record<string, string | undefined>>;

const SID_EXEC = resolve(import.meta.dirname, 'sid-exec');
const SEARCH_PATH = ['usr/bin', 'usr/sbin', 'bin', 'sbin'];
/** For a program to say its version. Asked once a run, not once a test file. */
const VERSION_TIMEOUT_MS = 15_000;

/** The folder that test/peers/install.sh fills. */
export function peersDirectory(environment: Environment): string {
  return (
    environment['LATTICEPORT_PEERS'] ??
    join(environment['XDG_CACHE_HOME'] ?? join(environment['HOME'] ?? homedir(), '.cache'), 'latticeport-peers')
  );
}

/**
 * The command that starts `program` of `home`, or `null` where it is not installed. Only looks: nothing is started.
 * OpenSSH's `sftp` and `scp` of an unpacked home are told to use the `ssh` of that home.
 */
export function findProgram(
  home: PeerHome,
  program: string,
  environment: Environment = process.env,
): readonly string[] | null {
  switch (home) {
    case 'machine': {
      const directories = (environment['PATH'] ?? '').split(delimiter).concat('/usr/sbin', '/usr/local/sbin', '/sbin');
      return existing(directories.filter((d) => !d.includes('node_modules')).map((d) => join(d, program)));
    }
    case 'postgresql':
      return existing(postgresDirectories().map((d) => join(d, program)));
    case 'sid': {
      const root = sidRoot(environment);
      return existing(SEARCH_PATH.map((d) => join(root, d, program))) && [SID_EXEC, `--root=${root}`, program];
    }
    case 'openssh-stable':
    case 'openssh-backports':
      return withOwnSsh(
        SEARCH_PATH.map((d) => join(peersDirectory(environment), home, d)),
        program,
      );
    case 'oqs-openssh': {
      const directory = namedFolder('OQS_OPENSSH_DIR', environment);
      return directory === null ? null : withOwnSsh([directory, join(directory, 'bin')], program);
    }
    case 'wolfssh-client': {
      const client = environment['WOLFSSH_CLIENT'];
      return client === undefined ? null : existing([client]);
    }
    case 'wolfssh': {
      const directory = namedFolder('WOLFSSH_DIR', environment);
      return directory === null ? null : existing([join(directory, program)]);
    }
  }
}

/** A folder that somebody names in the environment, absolute: programs are started elsewhere. */
function namedFolder(variable: string, environment: Environment): string | null {
  const named = environment[variable] ?? '';
  return named === '' ? null : resolve(named);
}

const found = new Map<PeerName, Found>();

/** The peer with its version, or `null` where the tests cannot use it (`missingPeer` says why). The answer is remembered. */
export function findPeer(name: PeerName): Peer | null {
  const answer = remembered(name);
  if ('missing' in answer) return null;
  return { name, ...answer, program: (other) => findProgram(answer.home, other) };
}

/** Why `findPeer` finds nothing, for the name of a skipped test; `null` where it finds the peer. */
export function missingPeer(name: PeerName): string | null {
  const answer = remembered(name);
  return 'missing' in answer ? answer.missing : null;
}

/** Looks for a peer in the places that `environment` names (PATH, LATTICEPORT_PEERS and so on), and asks its version. */
export function lookForPeer(name: PeerName, environment: Environment): Found {
  const row: PeerRow = PEERS[name];
  // Without the root (in a container of newer packages) the machine's own program counts, if it is as new as the row says.
  const home = row.home === 'sid' && !existsSync(sidRoot(environment)) ? 'machine' : row.home;
  const command = findProgram(home, row.program, environment);
  if (command === null) return { missing: `${name} is not installed` };
  const lacking = row.programs?.find((program) => findProgram(home, program, environment) === null);
  if (lacking !== undefined) return { missing: `${name} is incomplete: there is no ${lacking}` };

  // A folder that somebody names may hold the main program alone, and a program that does not say its version.
  const named = row.versions === null;
  const asked = findProgram(home, row.versionProgram ?? row.program, environment) ?? (named ? command : null);
  const [file, ...first] = asked ?? [];
  if (file === undefined) return { missing: `${name} is incomplete: there is no ${row.versionProgram ?? ''}` };
  // wolfSSH's examples look for the root of their source, and end without a word where they do not find it.
  const directory = row.home === 'wolfssh' ? namedFolder('WOLFSSH_DIR', environment) : null;
  const answer = spawnSync(file, [...first, ...row.versionArguments], {
    encoding: 'utf8',
    ...(directory === null ? {} : { cwd: directory }),
    env: { ...environment },
    timeout: VERSION_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const version = row.pattern.exec(`${answer.stdout}\n${answer.stderr}\n`)?.[1];
  if (row.versions === null) {
    return { home, version: version ?? 'unknown', command, ...(directory === null ? {} : { directory }) };
  }
  if (version === undefined) return { missing: `${name} does not run, or is incomplete` };
  const unfit = whyNotIn(version, row.versions);
  return unfit === null ? { home, version, command } : { missing: `${name} ${unfit}` };
}

/** In this process, and in the folder that a run of jest has for all of its test files (jest-global-setup.ts). */
function remembered(name: PeerName): Found {
  const known = found.get(name);
  if (known !== undefined) return known;
  const folder = process.env['LATTICEPORT_TEST_SERVERS'];
  const file = folder === undefined ? null : join(folder, `peer-${name}.json`);
  const answer = (file === null ? null : readAnswer(file)) ?? lookForPeer(name, process.env);
  found.set(name, answer);
  if (file !== null) {
    // Whole at once: another test file may be reading it.
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(answer));
    renameSync(`${file}.${process.pid}`, file);
  }
  return answer;
}

function readAnswer(file: string): Found | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Found) : null;
}

/** Debian keeps the server's programs out of the PATH, in a folder a version. The newest comes first. */
function postgresDirectories(): string[] {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root) : [];
  return versions.sort((a, b) => compareVersions(b, a)).map((version) => join(root, version, 'bin'));
}

function sidRoot(environment: Environment): string {
  return join(peersDirectory(environment), 'sid');
}

function existing(paths: readonly string[]): readonly string[] | null {
  for (const path of paths) {
    try {
      accessSync(path, constants.X_OK);
      return [path];
    } catch {
      // not here: the next folder
    }
  }
  return null;
}

function withOwnSsh(directories: readonly string[], program: string): readonly string[] | null {
  const command = existing(directories.map((d) => join(d, program)));
  if (command === null || (program !== 'sftp' && program !== 'scp')) return command;
  const ssh = existing(directories.map((d) => join(d, 'ssh')));
  return ssh === null ? command : [...command, '-S', ...ssh];
}
