/** Reason codes of SSH_MSG_DISCONNECT (RFC 4253 §11.1). */
export const DISCONNECT_REASON = {
  HOST_NOT_ALLOWED_TO_CONNECT: 1,
  PROTOCOL_ERROR: 2,
  KEY_EXCHANGE_FAILED: 3,
  RESERVED: 4,
  MAC_ERROR: 5,
  COMPRESSION_ERROR: 6,
  SERVICE_NOT_AVAILABLE: 7,
  PROTOCOL_VERSION_NOT_SUPPORTED: 8,
  HOST_KEY_NOT_VERIFIABLE: 9,
  CONNECTION_LOST: 10,
  BY_APPLICATION: 11,
  TOO_MANY_CONNECTIONS: 12,
  AUTH_CANCELLED_BY_USER: 13,
  NO_MORE_AUTH_METHODS_AVAILABLE: 14,
  ILLEGAL_USER_NAME: 15,
} as const;

/** Why a connection ends: sent to the peer as SSH_MSG_DISCONNECT, or received from it (`byPeer`). */
export class SshDisconnect extends Error {
  override readonly name = 'SshDisconnect';
  /** A number the RFC does not know is kept as the peer sent it. */
  readonly reason: number;
  readonly byPeer: boolean;
  /** More for the operator's log, never sent. */
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(
    reason: number,
    message: string,
    options: { byPeer?: boolean; detail?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.byPeer = options.byPeer ?? false;
    this.detail = options.detail ?? {};
  }
}

/** The answer to a message that is known but may not come now. */
export function unexpectedMessage(message: number): SshDisconnect {
  return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, `unexpected message ${message} at this point`);
}

/** A peer's text made safe for logs and terminals: printable ASCII, bounded. */
export function printable(text: Buffer, maxBytes = 255): string {
  return text
    .subarray(0, maxBytes)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '?');
}
