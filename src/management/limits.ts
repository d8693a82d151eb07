/** Every bound of the management API's listener, with its reason. Bytes and milliseconds, unless said otherwise. */

/**
 * The body of a request. What can be long is a user's list of mappings: some 15,000 of usual length are in it. The model allows
 * 50,000, the service itself 2,000.
 */
export const API_BODY_BYTES = 1024 * 1024;

/** The head of a request: the SDK for JavaScript sends about 1 KiB, and proxies add to it. */
export const API_HEADER_BYTES = 16 * 1024;

/** Its fields: clients send ten to twenty. */
export const API_HEADERS = 64;

/** For the head of a request, which comes in one packet. */
export const API_HEADERS_MS = 10_000;

/** For the whole request: a full body over a slow link. Who is slow on purpose holds no more than a connection. */
export const API_REQUEST_MS = 30_000;

/** So often Node looks for requests that have had their time. */
export const API_CHECK_MS = 1000;

/** A connection without a request: clients keep one for their next call. */
export const API_KEEP_ALIVE_MS = 30_000;

/** For the rest of a body that is not wanted: so long the answer has time to reach the client. */
export const API_UNREAD_MS = 2000;

/** Connections. Each can hold a body that is not verified yet: they multiply with API_BODY_BYTES to 128 MiB. */
export const API_CONNECTIONS = 128;

/** Operations that run at once: a change of the state takes about a millisecond, one that opens a port some more. */
export const API_OPERATIONS = 64;

/** For an operation to answer. botocore and the SDKs wait 60 seconds by default: they must learn why. */
export const API_OPERATION_MS = 50_000;

/** Requests a second of one access key in the long run: Terraform and scripts make a handful at once. */
export const API_KEY_RATE = 50;

/** Requests of one access key at once after a pause: a plan that reads some hundred users. */
export const API_KEY_BURST = 200;

/** Refused signatures a second of one source address in the long run: a program that was not told of its new key. */
export const API_FAILURE_RATE = 0.5;

/** Refused signatures of one source address before they are made to wait. */
export const API_FAILURE_BURST = 20;

/**
 * So long a refusal beyond that rate is held back. A connection then makes the server compute once a second. Nobody is locked
 * out: behind a balancer all have one address, and a right signature is served at once.
 */
export const API_FAILURE_DELAY_MS = 1000;

/** Source addresses and keys of which a rate is kept, each some 100 bytes. The oldest is forgotten. */
export const API_RATES = 10_000;

/** How far the clock of a client may be off: five minutes, as the service has it. */
export const SIGNATURE_SKEW_MS = 5 * 60_000;

/** Elements of a list, and characters of a text, for which the model names no most. */
export const UNBOUNDED_LIST = 1000;
export const UNBOUNDED_TEXT = 4096;
