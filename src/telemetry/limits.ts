/** Every bound of logs and metrics, with its reason. Bytes and milliseconds, unless said otherwise. */

/** Log lines that wait for a reader that is slow; one that stops must not cost more. Per process. */
export const LOG_BACKLOG_BYTES = 1024 * 1024;

/**
 * Lines that come so soon after the last write go out together: each write wakes whoever reads the log, which costs more than
 * making the line. A process that is killed loses what came in this time.
 */
export const LOG_GATHER_MS = 10;

/**
 * Lines that are written together have no more bytes than this. A pipe takes so many whole or not at all (PIPE_BUF of pipe(7)):
 * lines of several workers never get into each other.
 */
export const LOG_GATHER_BYTES = 4096;

/** A reader that was full is tried again so soon: a pipe holds 64 KiB, which a busy log fills in some milliseconds. */
export const LOG_RETRY_MS = 20;

/** A disk that is full now and then must not fill standard error too: lost lines are told of once in so long. */
export const LOG_TELL_MS = 60_000;

/** Connections to the metrics port: Prometheus and the probes of a supervisor need a handful. */
export const METRICS_CONNECTIONS = 64;

/** The head of a request for metrics: no client of this port sends more than some hundred bytes. */
export const METRICS_HEADER_BYTES = 4096;

/** Its fields: browsers, Prometheus and proxies send one or two dozen. */
export const METRICS_HEADERS = 50;

/** For the head of a request, which comes in one packet: a client that takes longer is slow on purpose. */
export const METRICS_HEADERS_MS = 5000;

/** So often Node looks for connections that have had their time: a second more does not count. */
export const METRICS_CHECK_MS = 1000;

/** For a whole connection, whatever it does: Prometheus waits ten seconds for an answer. */
export const METRICS_CONNECTION_MS = 15_000;
