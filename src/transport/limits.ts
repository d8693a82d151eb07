/**
 * Every bound of the transport, with its reason. Bytes and seconds unless said otherwise. KEXINIT's: negotiation/limits.ts.
 *
 * One with `least`, `most` and `default` is a setting: config/schema.ts takes all three from here.
 */

/** RFC 4253 §4.2: the identification line, CR LF included. */
export const MAX_VERSION_LINE_BYTES = 255;

/** A server may send other lines first (RFC 4253 §4.2); a client role reads at most so many bytes of them. */
export const MAX_PRE_VERSION_BYTES = 32 * 1024;

/**
 * Before authentication. RFC 4253 §6.1 asks for 35,000; the longest KEXINIT seen (OQS OpenSSH) is under 8 KiB.
 */
export const MAX_PACKET_BYTES_BEFORE_AUTH = 64 * 1024;

/** After authentication: 256 KiB of channel data, which is what clients with large packets send, and its framing. */
export const MAX_PACKET_BYTES = 256 * 1024 + 1024;

/** RFC 4344 §3.1: rekey before the sequence number can repeat: 2^32 packets at the most; half of it is ample. */
export const MAX_PACKETS_PER_KEY = 0x8000_0000;

/**
 * What may queue while a key exchange holds our packets back. Answers to what a peer asks meanwhile hold its input long
 * before (HOLD_INPUT_BYTES); channels queue their data with themselves. So only a mistake of ours gets here.
 */
export const MAX_QUEUED_DURING_KEX_BYTES = 8 * 1024 * 1024;

/**
 * `rekey.bytes`: data under one key, either way. RFC 4253 §9 recommends a gigabyte. Under 64 KiB a connection would do little
 * else; 64 GiB are the 2^32 blocks that RFC 4344 §3.2 allows a cipher with blocks of 16 bytes.
 */
export const REKEY_BYTES = { least: 64 * 1024, most: 64 * 1024 ** 3, default: 1024 ** 3 } as const;

/** `rekey.seconds`: the age of a key. RFC 4253 §9 recommends an hour. More than 0, fractions too. */
export const REKEY_SECONDS = { most: 7 * 24 * 3600, default: 3600 } as const;

/**
 * `limits.rekeysPerMinute`: key exchanges that the client of a connection may begin; faster ones wait. Each costs up to some
 * 10 ms of computing, 100 with the largest classical groups: it multiplies with the connections. At 128 MiB/s the default
 * allows one every 64 MiB.
 */
export const REKEYS_PER_MINUTE = { least: 1, most: 6000, default: 120 } as const;

/**
 * `insistence.waitSeconds`: how long a server lets the client's KEXINIT come first. More than a long round trip, since clients
 * send theirs once they have read our version line; less than the first key exchange may take (KEX_SECONDS of
 * server/limits.ts). A client that waits for ours loses it at each connection.
 */
export const INSISTENCE_WAIT_SECONDS = { most: 10, default: 2 } as const;

/** A peer that began a key exchange and does not end it holds our replies back: so long, then disconnect. */
export const KEX_TIMEOUT_SECONDS = 120;

/** Above this many unsent bytes `send` answers false and the services wait for `onDrain`. */
export const SEND_HIGH_WATER_BYTES = 1024 * 1024;

/**
 * Above this many unsent bytes nothing more is read from a peer: one that asks without reading the answers would otherwise
 * fill our memory. Before authentication nobody needs more than a few answers. What waits for the end of a key exchange
 * counts as unsent.
 */
export const HOLD_INPUT_BYTES_BEFORE_AUTH = 256 * 1024;
export const HOLD_INPUT_BYTES = 4 * 1024 * 1024;

/** What a queued message costs in memory beside its bytes, for the two bounds above. */
export const MESSAGE_OVERHEAD_BYTES = 256;

/** Parts of a packet that together stay below this are copied into one buffer: cheaper than another cipher call. */
export const MERGE_BELOW_BYTES = 1024;

/** What leaves at once and is no more than this is copied into one buffer: cheaper than a list of small ones. */
export const MERGE_WRITES_BELOW_BYTES = 8 * 1024;
