import { KexError } from '../crypto/kex/kex-method.ts';
import { KeyFormatError } from '../crypto/keys/key.ts';
import { PacketIntegrityError } from '../crypto/cipher/packet-cipher.ts';
import { WireError } from '../wire/wire-error.ts';
import { DISCONNECT_REASON, SshDisconnect } from './disconnect.ts';

/** Every error has an answer for the peer; what is no fault of the peer's is said to be ours, without detail. */
export function asDisconnect(error: unknown): SshDisconnect {
  if (error instanceof SshDisconnect) return error;
  if (error instanceof PacketIntegrityError) {
    return new SshDisconnect(DISCONNECT_REASON.MAC_ERROR, 'corrupted packet', { cause: error });
  }
  if (error instanceof WireError) {
    return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, `malformed message: ${error.message}`, { cause: error });
  }
  if (error instanceof KexError || error instanceof KeyFormatError) {
    return new SshDisconnect(DISCONNECT_REASON.KEY_EXCHANGE_FAILED, error.message, { cause: error });
  }
  return new SshDisconnect(DISCONNECT_REASON.BY_APPLICATION, 'internal error', { cause: error });
}
