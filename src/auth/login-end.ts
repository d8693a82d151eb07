import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { WireError } from '../wire/wire-error.ts';

/** How the connection ends when answering a request failed with `error`. */
export function asEnd(error: unknown): SshDisconnect {
  if (error instanceof SshDisconnect) return error;
  if (error instanceof WireError) {
    return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'malformed authentication request', { cause: error });
  }
  return new SshDisconnect(DISCONNECT_REASON.BY_APPLICATION, 'internal error', { cause: error });
}

/** How it ends for a client that has tried often enough. */
export function tooMany(): SshDisconnect {
  return new SshDisconnect(DISCONNECT_REASON.NO_MORE_AUTH_METHODS_AVAILABLE, 'too many authentication failures');
}
