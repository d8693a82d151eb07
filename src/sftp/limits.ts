/**
 * The limits of SFTP sessions, each with its reason. What they multiply with: one session holds at most
 * `readBytesInFlight` of answers and its channel's window of requests; `openHandles` × the store's buffers for an
 * open file is the store's share.
 *
 * One with `least`, `most` and `default` is a setting: config/schema.ts takes all three from here.
 */

/**
 * `limits.requestsInFlight`: requests started and not answered. OpenSSH's client keeps 64 outstanding; more does not make a
 * transfer faster, and a client that sends thousands (paramiko's prefetch) is held back by its window.
 */
export const REQUESTS_IN_FLIGHT = { least: 1, most: 4096, default: 64 } as const;

/**
 * `limits.writeBytesInFlight`: WRITE data of a session that the store has not taken yet. As much as the largest window
 * (MAX_WINDOW_BYTES of connection/limits.ts), so that a store which falls behind for a moment does not close it; the least
 * is one packet. It multiplies with the sessions.
 */
export const WRITE_BYTES_IN_FLIGHT = { least: 256 * 1024, most: 1024 ** 3, default: 8 * 1024 ** 2 } as const;

/**
 * `limits.readBytesPerConnection`: answers that all sessions of a connection have been asked for and have not sent. Two
 * sessions that read as fast as they can; the least is one READ. It multiplies with the connections.
 */
export const READ_BYTES_PER_CONNECTION = { least: 256 * 1024, most: 1024 ** 3, default: 8 * 1024 ** 2 } as const;

/**
 * `limits.openFilesPerSession`: files and directories open at once. OpenSSH's `sftp` needs one or two, `sshfs` dozens. It
 * multiplies with the sessions of a connection; each is one to three descriptors, and in an S3 store its buffers.
 */
export const OPEN_FILES_PER_SESSION = { least: 1, most: 10_000, default: 128 } as const;

export interface SftpLimits {
  /** REQUESTS_IN_FLIGHT. */
  readonly requestsInFlight: number;
  /** WRITE_BYTES_IN_FLIGHT. */
  readonly writeBytesInFlight: number;
  /**
   * Bytes asked for by READs that are not answered yet. At least one READ. Half of a connection's, so that one session
   * leaves room for another.
   */
  readonly readBytesInFlight: number;
  /** OPEN_FILES_PER_SESSION. */
  readonly openHandles: number;
}

export const DEFAULT_SFTP_LIMITS: SftpLimits = {
  requestsInFlight: REQUESTS_IN_FLIGHT.default,
  writeBytesInFlight: WRITE_BYTES_IN_FLIGHT.default,
  readBytesInFlight: READ_BYTES_PER_CONNECTION.default / 2,
  openHandles: OPEN_FILES_PER_SESSION.default,
};

/**
 * When a session is over, what CLOSEs that had come still need (a copy of the file's old bytes, a large part) has so many
 * milliseconds; then the old files stay.
 */
export const FINISH_MS = 30_000;

/** So long one session may go on without the event loop's looking at other sockets. Milliseconds. */
export const TURN_MS = 5;

/** What `limits@openssh.com` tells as the longest packet. OpenSSH's client ends the connection past it. */
export const ADVERTISED_PACKET_BYTES = 256 * 1024;

/** The longest READ answered in full, and WRITE told of: the packet less OpenSSH's 1,024 bytes for the header. */
export const MAX_READ_BYTES = ADVERTISED_PACKET_BYTES - 1024;

/** The longest WRITE told of where so many clients send that each has a small window. Most never send longer ones. */
export const CROWDED_WRITE_BYTES = 32 * 1024;

/** A window under this is a small one. */
export const CROWDED_WINDOW_BYTES = 1024 * 1024;

/**
 * So much of a packet that has not come whole may the stream hold back for (its least window is a little larger); of a
 * longer one the stream is told how many bytes wait for the rest, and lets as many more come.
 */
export const UNFINISHED_PACKET_BYTES = CROWDED_WRITE_BYTES + 4 * 1024;

/**
 * The longest packet accepted, without its length field. Above the advertised one, since some clients (asyncssh with
 * 256 KiB blocks) put a header on top of 262,144 bytes of data.
 */
export const MAX_PACKET_BYTES = ADVERTISED_PACKET_BYTES + 4096;

/** Bytes of one NAME answer: over 64 KiB it is sent. Older libssh2 refuses packets over 80,000 bytes. */
export const NAME_PACKET_BYTES = 64 * 1024;

/** A handle from a client is never longer (§3: at most 256). */
export const MAX_HANDLE_BYTES = 256;
