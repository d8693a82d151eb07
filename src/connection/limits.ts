/** Bounds of the connection layer. Bytes, unless said otherwise. */

/**
 * The receive window. At 50 ms of round trip 8 MiB allow 160 MiB/s; OpenSSH's client keeps up to 16 MiB of writes on their
 * way. It multiplies with the channels of a connection; what is unread is held back by the window, not by the socket.
 */
export const WINDOW_BYTES = 8 * 1024 * 1024;

/** The window is topped up when so much has been consumed: early, so that the sender never waits for it. */
export const WINDOW_TOP_UP_BYTES = WINDOW_BYTES / 8;

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

/** Sessions of one connection, as Transfer Family allows. */
export const DEFAULT_MAX_CHANNELS = 10;

/** Environment variables and other requests that a client may make of a channel before it is absurd. */
export const MAX_CHANNEL_REQUESTS = 1024;
