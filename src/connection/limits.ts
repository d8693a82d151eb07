/**
 * Bounds of the connection layer. Bytes, unless said otherwise.
 *
 * One with `least`, `most` and `default` is a setting: config/schema.ts takes all three from here.
 */

/**
 * The largest receive window. At 50 ms of round trip 8 MiB allow 160 MiB/s; OpenSSH's client keeps up to 8 MiB of writes
 * on their way. What is unread is held back by the window, not by the socket.
 */
export const MAX_WINDOW_BYTES = 8 * 1024 * 1024;

/**
 * The least window, where many receive: a WRITE of 32 KiB, which is what most SFTP clients send, and what is needed until
 * the next top-up (`UNFINISHED_PACKET_BYTES` of sftp/limits.ts). It multiplies with the channels that receive.
 */
export const MIN_WINDOW_BYTES = 44 * 1024;

/** The window that a channel is opened with where few receive, as OpenSSH's are; one that is used grows further. */
export const MAX_FIRST_WINDOW_BYTES = 2 * 1024 * 1024;

/** What all channels of a process share beyond their least windows, where nothing else is configured. */
export const DEFAULT_RECEIVE_BYTES = 64 * 1024 * 1024;

/** A window is topped up when so much of it has been consumed, as a divisor: early, so that the sender never waits. */
export const TOP_UP_DIVISOR = 10;

/** The largest channel data message that we take. OpenSSH sends 32 KiB, others up to 256 KiB. */
export const MAX_DATA_BYTES = 256 * 1024;

/** The largest that we send, if the peer takes as much: longer ones gain nothing and delay others. */
export const MAX_SEND_DATA_BYTES = 256 * 1024;

/** The least that a peer's maximum packet size may be: smaller ones make work out of nothing. */
export const MIN_SEND_DATA_BYTES = 256;

/** Packets that one channel sends before others have their turn: 2 MiB in packets of 32 KiB. */
export const MAX_PACKETS_AT_ONCE = 64;

/** RFC 4254 §5.2. */
export const MAX_WINDOW = 0xffff_ffff;

/**
 * `limits.sessionsPerConnection`, of which Transfer Family allows 10. It multiplies with `openFilesPerSession` and with what
 * a session holds (`writeBytesInFlight`); what is read is bounded for the connection.
 */
export const SESSIONS_PER_CONNECTION = { least: 1, most: 1000, default: 10 } as const;

/** Environment variables and other requests that a client may make of a channel before it is absurd. */
export const MAX_CHANNEL_REQUESTS = 1024;

/** Requests for proofs of host keys on one connection: a client makes one, and one more where it asks its user first. */
export const MAX_HOST_KEY_PROOFS = 4;

/** A host key that a client asks about: RSA with 16,384 bits is the largest that we could have. */
export const MAX_HOST_KEY_BLOB_BYTES = 8 * 1024;

/** Answers to global requests that may wait for one that is being signed: clients wait for theirs. */
export const MAX_WAITING_ANSWERS = 64;
