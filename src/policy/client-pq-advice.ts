const OPENSSH_SWITCH = 'KexAlgorithms ^sntrup761x25519-sha512@openssh.com';
const OPENSSH_KEYGEN = 'ssh-keygen -t mldsa44-ed25519';

type Version = readonly [major: number, minor: number, patch: number];

/** A client by its identification string. */
interface KnownClient {
  /** Its groups are the numbers of the version, as far as the client tells them. */
  readonly pattern: RegExp;
  /** The client with its version, in the words of its users. */
  readonly name: (version: Version) => string;
  /** What would get it a post-quantum key exchange; `name` as above. */
  readonly exchange: (version: Version, name: string) => string;
  /** The first version that has post-quantum user keys, and how one is made. Left out where none has. */
  readonly keys?: { readonly since: Version; readonly make: string };
}

function isBefore(version: Version, ...other: number[]): boolean {
  for (const [index, number] of other.entries()) {
    const own = version[index] ?? 0;
    if (own !== number) return own < number;
  }
  return false;
}

const CLIENTS: readonly KnownClient[] = [
  {
    pattern: /^OpenSSH_(?:for_Windows_)?(\d{1,3})\.(\d{1,3})/,
    name: ([major, minor]) => `OpenSSH ${major}.${minor}`,
    exchange: (version, name) => {
      if (isBefore(version, 8, 5)) return `${name} cannot; 9.0 and newer can without configuration.`;
      if (isBefore(version, 8, 9)) {
        return `${name} can if it is told to (${OPENSSH_SWITCH}); 9.0 and newer can without configuration.`;
      }
      if (isBefore(version, 9, 0)) {
        return `${name} can, but prefers classical methods: write ${OPENSSH_SWITCH}; 9.0 and newer can without configuration.`;
      }
      return `${name} can, but its configuration does not list it: take the KexAlgorithms line away, or write ${OPENSSH_SWITCH}.`;
    },
    keys: { since: [10, 6, 0], make: `make one with ${OPENSSH_KEYGEN}` },
  },
  {
    pattern: /^PuTTY_Release_(\d{1,3})\.(\d{1,3})/,
    name: ([major, minor]) => `PuTTY ${major}.${String(minor).padStart(2, '0')}`,
    exchange: (version, name) => {
      if (isBefore(version, 0, 78)) return `${name} cannot; 0.83 and newer can without configuration.`;
      const method = isBefore(version, 0, 83) ? 'NTRU Prime' : 'ML-KEM';
      return `${name} can: under Connection, SSH, Kex move ${method} up.`;
    },
  },
  {
    pattern: /^WinSCP/,
    name: () => 'WinSCP',
    exchange: () => 'Newer versions of WinSCP can: install the latest one, and under SSH, Key exchange move ML-KEM up.',
  },
  {
    pattern: /^libssh2_/,
    name: () => 'libssh2',
    exchange: () =>
      'No version of libssh2 up to 1.11 can, nor can what is built with it, such as curl: use OpenSSH 9.0 or newer.',
  },
  {
    pattern: /^paramiko_/,
    name: () => 'paramiko',
    exchange: () => 'No version of paramiko up to 5.0 can; AsyncSSH 2.24 can, and so does OpenSSH 9.0 or newer.',
  },
  {
    pattern: /^JSCH[-_](\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?/,
    name: (version) => `JSch ${version.join('.')}`,
    exchange: (version, name) => {
      if (isBefore(version, 0, 2)) {
        return `${name} cannot; its successor com.github.mwiede:jsch 0.2.22 and newer can, with Bouncy Castle beside it.`;
      }
      if (isBefore(version, 0, 2, 22)) return `${name} cannot; 0.2.22 and newer can, with Bouncy Castle beside it.`;
      return `${name} can, with Bouncy Castle beside it: add that, and name mlkem768x25519-sha256 first in "kex".`;
    },
  },
  {
    pattern: /^AsyncSSH_(\d{1,3})\.(\d{1,3})/,
    name: ([major, minor]) => `AsyncSSH ${major}.${minor}`,
    exchange: (version, name) =>
      isBefore(version, 2, 24)
        ? `${name} cannot without liboqs; 2.24 and newer can, with the package cryptography 48 or newer.`
        : `${name} can, with the package cryptography 48 or newer: install that, and name mlkem768x25519-sha256 first in kex_algs.`,
  },
  {
    pattern: /^dropbear_(\d{4})\.(\d{1,3})/,
    name: ([major, minor]) => `dropbear ${major}.${minor}`,
    exchange: (version, name) =>
      isBefore(version, 2025, 87)
        ? `${name} cannot; 2025.87 and newer can without configuration.`
        : `${name} can, but this build of it does not: use one with its usual options.`,
  },
];

const OTHERS =
  'Use a client that can: OpenSSH 9.0 or newer, PuTTY 0.83 or newer, a current WinSCP, AsyncSSH 2.24. All of them can without configuration.';
const WHO_HAS_KEYS = `OpenSSH 10.6 and newer can (${OPENSSH_KEYGEN})`;
const HAND_IN = 'give its public half to whoever runs this server';

/** The client that says so of itself, and its version: a number that it does not tell is 0. */
function knownClient(clientVersion: string): { readonly client: KnownClient; readonly version: Version } | null {
  const software = /^SSH-(?:2\.0|1\.99)-(.*)$/.exec(clientVersion)?.[1] ?? '';
  for (const client of CLIENTS) {
    const match = client.pattern.exec(software);
    if (match !== null) {
      return { client, version: [Number(match[1] ?? 0), Number(match[2] ?? 0), Number(match[3] ?? 0)] };
    }
  }
  return null;
}

/**
 * What the user of a client can do to get a post-quantum key exchange, in sentences for that user. `clientVersion` is the
 * identification string, hostile text: none of it but numbers is repeated. Pure.
 */
export function clientPqAdvice(clientVersion: string): string {
  const known = knownClient(clientVersion);
  if (known === null) return OTHERS;
  return known.client.exchange(known.version, known.client.name(known.version));
}

/** The same for a login by a post-quantum key. */
export function clientPqKeyAdvice(clientVersion: string): string {
  const known = knownClient(clientVersion);
  if (known === null) return `Few clients have such keys yet: ${WHO_HAS_KEYS}.`;
  const { keys } = known.client;
  const name = known.client.name(known.version);
  if (keys === undefined) return `${name} has no such keys yet; ${WHO_HAS_KEYS}.`;
  if (isBefore(known.version, ...keys.since)) return `${name} cannot; ${WHO_HAS_KEYS}.`;
  return `${name} can: ${keys.make}, and ${HAND_IN}.`;
}
