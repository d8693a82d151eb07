/** Bounds of TLS connections, each with its reason. Milliseconds, unless said otherwise. */

/**
 * For one handshake, in either role: two round trips and some milliseconds of computing. A server's clients may be slow on
 * purpose; a client looks at one server and tells a person.
 */
export const HANDSHAKE_MS = 5000;

/**
 * Connections to one TLS port whose handshake is not over. Those that serve a handful of clients need a handful; each holds
 * some 40 KiB.
 */
export const HANDSHAKES = 64;

/** So often it is looked whether the files of a certificate have changed: volumes report no change. */
export const CERTIFICATE_LOOK_MS = 2000;

/** Of a TLS error's text, which may quote the peer, so many characters are shown. */
export const REASON_CHARACTERS = 200;
