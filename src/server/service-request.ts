import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { SSH_MSG } from '../transport/messages.ts';
import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';

/** The only service that a client asks for by name (RFC 4252 §1); the connection protocol follows it by itself. */
const USER_AUTH = 'ssh-userauth';
const MAX_SERVICE_NAME_BYTES = 64;

/**
 * The answer to an SSH_MSG_SERVICE_REQUEST (RFC 4253 §10) before the login. paramiko makes one before every attempt.
 * @throws SshDisconnect for another service, WireError for what is no such message
 */
export function acceptUserAuth(request: Buffer): Buffer {
  const reader = new SshReader(request, 1);
  const service = reader.ascii(MAX_SERVICE_NAME_BYTES);
  reader.end();
  if (service !== USER_AUTH) {
    throw new SshDisconnect(DISCONNECT_REASON.SERVICE_NOT_AVAILABLE, 'only ssh-userauth is available here');
  }
  return new SshWriter(32).byte(SSH_MSG.SERVICE_ACCEPT).string(service).finish();
}
