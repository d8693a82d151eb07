// The programs of other projects that the tests talk to: where each comes from, the versions that the tests are written
// for, and what else of it they need. A program that does not fit its row is not there (peers.ts).
import type { VersionRange } from './versions.ts';

/** Where a peer's programs come from. */
export type PeerHome =
  | 'machine'
  | 'postgresql'
  | 'openssh-stable'
  | 'openssh-backports'
  | 'sid'
  | 'oqs-openssh'
  | 'wolfssh'
  | 'wolfssh-client';

export interface PeerRow {
  readonly home: PeerHome;
  readonly program: string;
  /** Programs of the same home without which it is of no use to the tests. */
  readonly programs?: readonly string[];
  /**
   * `from`: the oldest that has what the tests ask for. `below`: the first that nobody has looked at, the next major one
   * where a project counts so. `null`: somebody named a folder, and what is in it is what they want.
   */
  readonly versions: VersionRange | null;
  /**
   * Arguments that make the program say its version; the first group of `pattern` is the version. The pattern, or the
   * script, also says no where a part is lacking: a library built without what the tests are about.
   */
  readonly versionArguments: readonly string[];
  readonly pattern: RegExp;
  /** The program that says the version, where the main one cannot. */
  readonly versionProgram?: string;
}

const SFTP = { program: 'sftp', versionProgram: 'ssh', versionArguments: ['-V'], pattern: /^OpenSSH_(\S+?),?\s/m };
const OPENSSH = { ...SFTP, programs: ['ssh', 'scp', 'ssh-keygen'] };
const SSHD = { program: 'sshd', versionArguments: ['-V'], pattern: /OpenSSH_([^\s,]+)/ };
const OPENSSL = { program: 'openssl', versionArguments: ['version'], pattern: /^OpenSSL (\S+)/m };
/** ML-KEM on, and the only ones whose programs the tests have met. */
const OPENSSH_10 = { from: '10.0', below: '11' };

const python = (program: string, versionScript: string): Pick<PeerRow, 'program' | 'versionArguments' | 'pattern'> => ({
  program,
  versionArguments: ['-c', versionScript],
  pattern: /^([\d.]+)$/m,
});

export const PEERS = {
  // 8.5 is the first with a post-quantum method by default (sntrup761).
  'openssh-machine': { home: 'machine', versions: { from: '8.5', below: '11' }, ...OPENSSH },
  'openssh-10': { home: 'openssh-backports', versions: OPENSSH_10, ...OPENSSH },
  'openssh-sid': { home: 'sid', versions: OPENSSH_10, ...OPENSSH },
  // 10.6 is the first with ssh-mldsa44-ed25519.
  'openssh-mldsa': { home: 'sid', versions: { from: '10.6', below: '11' }, ...OPENSSH },
  'openssh-oqs': { home: 'oqs-openssh', versions: null, ...SFTP },
  wolfssh: {
    home: 'wolfssh',
    program: 'examples/sftpclient/wolfsftp',
    versions: null,
    versionProgram: 'examples/client/client',
    versionArguments: ['-?'],
    pattern: /(?:client|wolfsftp) ([\d.]+)/,
  },
  // docker/wolfssh/sftp-client.c, where an image has it
  'wolfssh-client': {
    home: 'wolfssh-client',
    program: '',
    versions: null,
    versionArguments: ['--version'],
    pattern: /wolfSSH ([\d.]+)/,
  },
  'sshd-machine': { home: 'openssh-stable', versions: { from: '9.2', below: '11' }, ...SSHD },
  'sshd-10': { home: 'openssh-backports', versions: OPENSSH_10, ...SSHD },
  'sshd-sid': { home: 'sid', versions: OPENSSH_10, ...SSHD },
  putty: {
    home: 'sid',
    program: 'psftp',
    programs: ['pscp', 'plink', 'puttygen'],
    versions: { from: '0.85', below: '1' },
    versionArguments: ['-V'],
    pattern: /Release ([\d.]+)/,
  },
  dropbear: {
    home: 'sid',
    program: 'dbclient',
    programs: ['dropbear', 'dropbearkey', 'dropbearconvert'],
    versions: { from: '2026.94' },
    versionArguments: ['-V'],
    pattern: /Dropbear v(\S+)/,
  },
  rclone: {
    home: 'sid',
    program: 'rclone',
    versions: { from: '1.70', below: '2' },
    versionArguments: ['version'],
    pattern: /rclone v(\S+)/,
  },
  curl: {
    home: 'sid',
    program: 'curl',
    versions: { from: '8.0', below: '9' },
    versionArguments: ['-V'],
    // It can be built with another SSH library, or with none.
    pattern: /^curl (\S+)(?=.*\blibssh2\/)(?=[^]*^Protocols:.*\bsftp\b)/m,
  },
  lftp: {
    home: 'machine',
    program: 'lftp',
    versions: { from: '4.9', below: '5' },
    versionArguments: ['--version'],
    pattern: /Version (\S+)/,
  },
  sshfs: {
    home: 'machine',
    program: 'sshfs',
    programs: ['fusermount3'],
    versions: { from: '3.7', below: '4' },
    versionArguments: ['-V'],
    pattern: /SSHFS version (\S+)/,
  },
  asyncssh: {
    home: 'sid',
    versions: { from: '2.24', below: '3' },
    // Its ML-KEM is the cryptography package's, which may be an older one.
    ...python(
      'python3',
      'import asyncssh, asyncssh.kex as k\nif b"mlkem768x25519-sha256" in k.get_kex_algs(): print(asyncssh.__version__)',
    ),
  },
  paramiko: {
    home: 'sid',
    versions: { from: '5.0', below: '6' },
    // X25519 is there only where the cryptography package has it.
    ...python(
      'python3',
      'import paramiko\nif "curve25519-sha256@libssh.org" in paramiko.Transport._kex_info: print(paramiko.__version__)',
    ),
  },
  libssh: {
    home: 'sid',
    program: 'python3',
    versions: { from: '0.11', below: '1' },
    versionArguments: [
      '-c',
      'import ctypes; f = ctypes.CDLL("libssh.so.4").ssh_version; f.restype = ctypes.c_char_p; print(f(0).decode())',
    ],
    pattern: /^([\d.]+)/m,
  },
  'net-sftp': {
    home: 'sid',
    program: 'ruby',
    versions: { from: '4.0', below: '5' },
    versionArguments: ['-e', 'require "net/sftp"; require "net/sftp/version"; puts Net::SFTP::Version::STRING'],
    pattern: /^([\d.]+)/m,
  },
  'ssh-audit': {
    home: 'sid',
    program: 'ssh-audit',
    // 2.5 knows neither ML-KEM nor the strict key exchange.
    versions: { from: '3.3', below: '4' },
    versionArguments: ['--help'],
    pattern: /ssh-audit(?:\.py)? v?([\d.]+)/,
  },
  // 3.5 is the first with ML-KEM; the machine's may be older, which is what its tests want.
  'openssl-sid': { home: 'sid', versions: { from: '3.5', below: '4' }, ...OPENSSL },
  'openssl-machine': { home: 'machine', versions: { from: '3.0', below: '4' }, ...OPENSSL },
  tshark: {
    home: 'machine',
    program: 'tshark',
    programs: ['dumpcap'],
    versions: { from: '4.0', below: '5' },
    versionArguments: ['--version'],
    pattern: /TShark \D*([\d.]+)/,
  },
  radosgw: {
    home: 'machine',
    program: 'radosgw',
    programs: ['ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw-admin', 'curl'],
    versions: { from: '16.2' },
    versionArguments: ['--version'],
    pattern: /ceph version (\S+)/,
  },
  postgresql: {
    home: 'postgresql',
    program: 'postgres',
    programs: ['initdb'],
    versions: { from: '14', below: '20' },
    versionArguments: ['--version'],
    pattern: /\(PostgreSQL\) (\S+)/,
  },
  moto: {
    home: 'sid',
    versions: { from: '5.1', below: '6' },
    // moto_server says no version; it imports moto.server.
    ...python('moto_server', 'import moto, moto.server\nprint(moto.__version__)'),
    versionProgram: 'python3',
  },
  // 1.27 and 2.9 are Debian's of 2023: older ones do not know all that the tests send.
  'aws-cli': {
    home: 'machine',
    program: 'aws',
    versions: { from: '1.27', below: '3' },
    versionArguments: ['--version'],
    pattern: /^aws-cli\/(\S+)/m,
  },
  boto3: {
    home: 'machine',
    versions: { from: '1.26', below: '2' },
    ...python('python3', 'import boto3\nprint(boto3.__version__)'),
  },
  'docker-compose': {
    home: 'sid',
    program: 'docker-compose',
    versions: { from: '2.24', below: '3' },
    versionArguments: ['version'],
    pattern: /Docker Compose version v?(\S+)/,
  },
  'node-fips': {
    home: 'sid',
    program: 'node',
    versions: { from: '22.13' },
    versionArguments: ['--version'],
    pattern: /v(\S+)/,
  },
} as const satisfies Record<string, PeerRow>;

export type PeerName = keyof typeof PEERS;
