const OPENSSH_SWITCH = 'KexAlgorithms ^sntrup761x25519-sha512@openssh.com';

/** A client by its identification string; `advise` gets the version as [major, minor]. */
interface KnownClient {
  readonly pattern: RegExp;
  readonly advise: (major: number, minor: number) => string;
}

/** Older than `major.minor`. */
function isBefore(version: readonly [number, number], major: number, minor: number): boolean {
  return version[0] < major || (version[0] === major && version[1] < minor);
}

const CLIENTS: readonly KnownClient[] = [
  {
    pattern: /^OpenSSH_(?:for_Windows_)?(\d{1,3})\.(\d{1,3})/,
    advise: (major, minor) => {
      const name = `OpenSSH ${major}.${minor}`;
      if (isBefore([major, minor], 8, 5)) return `${name} cannot; 9.0 and newer can without configuration.`;
      if (isBefore([major, minor], 8, 9)) {
        return `${name} can if it is told to (${OPENSSH_SWITCH}); 9.0 and newer can without configuration.`;
      }
      return `${name} can, but its configuration does not list it: take the KexAlgorithms line away, or write ${OPENSSH_SWITCH}.`;
    },
  },
  {
    pattern: /^PuTTY_Release_(\d{1,3})\.(\d{1,3})/,
    advise: (major, minor) => {
      const name = `PuTTY ${major}.${String(minor).padStart(2, '0')}`;
      if (isBefore([major, minor], 0, 78)) return `${name} cannot; 0.83 and newer can without configuration.`;
      const method = isBefore([major, minor], 0, 83) ? 'NTRU Prime' : 'ML-KEM';
      return `${name} can: under Connection, SSH, Kex move ${method} up.`;
    },
  },
  {
    pattern: /^WinSCP/,
    advise: () => 'Newer versions of WinSCP can: install the latest one, and under SSH, Key exchange move ML-KEM up.',
  },
  {
    pattern: /^libssh2_/,
    advise: () =>
      'No version of libssh2 up to 1.11 can, nor can what is built with it, such as curl: use OpenSSH 9.0 or newer.',
  },
  {
    pattern: /^paramiko_/,
    advise: () => 'No version of paramiko up to 5.0 can; AsyncSSH 2.24 can, and so does OpenSSH 9.0 or newer.',
  },
  {
    pattern: /^JSCH[-_](\d{1,3})\.(\d{1,3})/,
    advise: (major, minor) =>
      isBefore([major, minor], 0, 2)
        ? `JSch ${major}.${minor} cannot; its successor com.github.mwiede:jsch 0.2.22 and newer can, with Bouncy Castle beside it.`
        : `JSch ${major}.${minor} can from 0.2.22 on, with Bouncy Castle beside it: install that, and name mlkem768x25519-sha256 first in "kex".`,
  },
];

const OTHERS =
  'Use a client that can: OpenSSH 9.0 or newer, PuTTY 0.83 or newer, a current WinSCP, AsyncSSH 2.24. All of them can without configuration.';

/**
 * What the user of a client can do to get a post-quantum key exchange, in sentences for that user. `clientVersion` is the
 * identification string, hostile text: none of it but numbers is repeated. Pure.
 */
export function clientPqAdvice(clientVersion: string): string {
  const software = /^SSH-(?:2\.0|1\.99)-(.*)$/.exec(clientVersion)?.[1] ?? '';
  for (const { pattern, advise } of CLIENTS) {
    const match = pattern.exec(software);
    if (match !== null) return advise(Number(match[1] ?? 0), Number(match[2] ?? 0));
  }
  return OTHERS;
}
