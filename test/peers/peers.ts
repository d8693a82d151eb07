// Finds the programs of other projects that the tests talk to: on this machine, unpacked side by side, or in the sid root
// (test/peers/install.sh puts them there). A peer that is not installed is `null`: its test is skipped by name.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

/** Where a peer's programs come from. */
export type PeerHome =
  'machine' | 'openssh-stable' | 'openssh-backports' | 'sid' | 'oqs-openssh' | 'wolfssh' | 'wolfssh-client';

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

interface PeerRow {
  readonly home: PeerHome;
  readonly program: string;
  /** Arguments that make the program say its version; the first group of `pattern` is the version. */
  readonly versionArguments: readonly string[];
  readonly pattern: RegExp;
  /** The program that says the version, where the main one cannot. */
  readonly versionProgram?: string;
}

const OPENSSH = { program: 'sftp', versionProgram: 'ssh', versionArguments: ['-V'], pattern: /^OpenSSH_(\S+?),?\s/m };
const python = (module: string): Omit<PeerRow, 'home'> => ({
  program: 'python3',
  versionArguments: ['-c', `import ${module}; print(${module}.__version__)`],
  pattern: /^([\d.]+)$/m,
});

const PEERS = {
  'openssh-machine': { home: 'machine', ...OPENSSH },
  'openssh-10': { home: 'openssh-backports', ...OPENSSH },
  'openssh-sid': { home: 'sid', ...OPENSSH },
  'openssh-oqs': { home: 'oqs-openssh', ...OPENSSH },
  wolfssh: {
    home: 'wolfssh',
    program: 'examples/sftpclient/wolfsftp',
    versionProgram: 'examples/client/client',
    versionArguments: ['-?'],
    pattern: /(?:client|wolfsftp) ([\d.]+)/,
  },
  // docker/wolfssh/sftp-client.c, where an image has it
  'wolfssh-client': {
    home: 'wolfssh-client',
    program: '',
    versionArguments: ['--version'],
    pattern: /wolfSSH ([\d.]+)/,
  },
  'sshd-machine': { home: 'openssh-stable', program: 'sshd', versionArguments: ['-V'], pattern: /OpenSSH_([^\s,]+)/ },
  'sshd-10': { home: 'openssh-backports', program: 'sshd', versionArguments: ['-V'], pattern: /OpenSSH_([^\s,]+)/ },
  'sshd-sid': { home: 'sid', program: 'sshd', versionArguments: ['-V'], pattern: /OpenSSH_([^\s,]+)/ },
  putty: { home: 'sid', program: 'psftp', versionArguments: ['-V'], pattern: /Release ([\d.]+)/ },
  dropbear: { home: 'sid', program: 'dbclient', versionArguments: ['-V'], pattern: /Dropbear v(\S+)/ },
  rclone: { home: 'sid', program: 'rclone', versionArguments: ['version'], pattern: /rclone v(\S+)/ },
  curl: { home: 'sid', program: 'curl', versionArguments: ['-V'], pattern: /^curl (\S+)/m },
  lftp: { home: 'machine', program: 'lftp', versionArguments: ['--version'], pattern: /Version (\S+)/ },
  sshfs: { home: 'machine', program: 'sshfs', versionArguments: ['-V'], pattern: /SSHFS version (\S+)/ },
  asyncssh: { home: 'sid', ...python('asyncssh') },
  paramiko: { home: 'sid', ...python('paramiko') },
  libssh: {
    home: 'sid',
    program: 'python3',
    versionArguments: [
      '-c',
      'import ctypes; f = ctypes.CDLL("libssh.so.4").ssh_version; f.restype = ctypes.c_char_p; print(f(0).decode())',
    ],
    pattern: /^([\d.]+)/m,
  },
  'net-sftp': {
    home: 'sid',
    program: 'ruby',
    versionArguments: ['-e', 'require "net/sftp"; require "net/sftp/version"; puts Net::SFTP::Version::STRING'],
    pattern: /^([\d.]+)/m,
  },
  'ssh-audit': {
    home: 'sid',
    program: 'ssh-audit',
    versionArguments: ['--help'],
    pattern: /ssh-audit(?:\.py)? v?([\d.]+)/,
  },
  tshark: { home: 'machine', program: 'tshark', versionArguments: ['--version'], pattern: /TShark \D*([\d.]+)/ },
  radosgw: { home: 'machine', program: 'radosgw', versionArguments: ['--version'], pattern: /ceph version (\S+)/ },
  moto: { home: 'sid', ...python('moto'), versionProgram: 'python3', program: 'moto_server' },
  'docker-compose': {
    home: 'sid',
    program: 'docker-compose',
    versionArguments: ['version'],
    pattern: /Docker Compose version v?(\S+)/,
  },
  'node-fips': { home: 'sid', program: 'node', versionArguments: ['--version'], pattern: /v(\S+)/ },
} as const satisfies Record<string, PeerRow>;

export type PeerName = keyof typeof PEERS;
export const PEER_NAMES = Object.keys(PEERS) as readonly PeerName[];

/** The folder that test/peers/install.sh fills. */
export const PEERS_DIRECTORY =
  process.env['LATTICEPORT_PEERS'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'latticeport-peers');
const SID_EXEC = resolve(import.meta.dirname, 'sid-exec');
const SEARCH_PATH = ['usr/bin', 'usr/sbin', 'bin', 'sbin'];

/**
 * The command that starts `program` of `home`, or `null` where it is not installed. Only looks: nothing is started.
 * OpenSSH's `sftp` and `scp` of an unpacked home are told to use the `ssh` of that home.
 */
export function findProgram(home: PeerHome, program: string): readonly string[] | null {
  switch (home) {
    case 'machine': {
      const directories = (process.env['PATH'] ?? '').split(delimiter).concat('/usr/sbin', '/usr/local/sbin', '/sbin');
      return existing(directories.filter((d) => !d.includes('node_modules')).map((d) => join(d, program)));
    }
    case 'sid': {
      const root = join(PEERS_DIRECTORY, 'sid');
      // Without the root (in a container of newer packages) the machine's own program is the one that is meant.
      if (!existsSync(root)) return findProgram('machine', program);
      return existing(SEARCH_PATH.map((d) => join(root, d, program))) && [SID_EXEC, `--root=${root}`, program];
    }
    case 'openssh-stable':
    case 'openssh-backports':
      return withOwnSsh(
        SEARCH_PATH.map((d) => join(PEERS_DIRECTORY, home, d)),
        program,
      );
    case 'oqs-openssh': {
      const directory = namedFolder('OQS_OPENSSH_DIR');
      return directory === null ? null : withOwnSsh([directory, join(directory, 'bin')], program);
    }
    case 'wolfssh-client': {
      const client = process.env['WOLFSSH_CLIENT'];
      return client === undefined ? null : existing([client]);
    }
    case 'wolfssh': {
      const directory = namedFolder('WOLFSSH_DIR');
      return directory === null ? null : existing([join(directory, program)]);
    }
  }
}

/** A folder that somebody names in the environment, absolute: programs are started elsewhere. */
function namedFolder(variable: string): string | null {
  const named = process.env[variable] ?? '';
  return named === '' ? null : resolve(named);
}

const found = new Map<PeerName, Peer | null>();

/** The peer with its version, or `null` where it is not installed or does not run. The answer is remembered. */
export function findPeer(name: PeerName): Peer | null {
  const known = found.get(name);
  if (known !== undefined) return known;
  const peer = look(name);
  found.set(name, peer);
  return peer;
}

function look(name: PeerName): Peer | null {
  const row: PeerRow = PEERS[name];
  const command = findProgram(row.home, row.program);
  if (command === null) return null;
  // A folder that somebody names may hold the main program alone, and a program that does not say its version.
  const named = row.home === 'oqs-openssh' || row.home === 'wolfssh';
  const asked = findProgram(row.home, row.versionProgram ?? row.program) ?? (named ? command : null);
  if (asked === null) return null;
  const [file, ...first] = asked;
  if (file === undefined) return null;
  // wolfSSH's examples look for the root of their source, and end without a word where they do not find it.
  const directory = row.home === 'wolfssh' ? namedFolder('WOLFSSH_DIR') : null;
  const where = directory === null ? {} : { cwd: directory };
  const answer = spawnSync(file, [...first, ...row.versionArguments], { encoding: 'utf8', timeout: 20_000, ...where });
  const version = row.pattern.exec(`${answer.stdout}\n${answer.stderr}\n`)?.[1] ?? (named ? 'unknown' : undefined);
  if (version === undefined) return null;
  const program: Peer['program'] = (other) => findProgram(row.home, other);
  return { name, home: row.home, version, command, program, ...(directory === null ? {} : { directory }) };
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
