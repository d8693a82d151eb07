import { DISCONNECT_REASON, SshDisconnect } from '../transport/disconnect.ts';
import { decodeServiceRequest, encodeServiceAccept } from '../transport/messages.ts';

/** The only service that a client asks for by name (RFC 4252 §1); the connection protocol follows it by itself. */
const USER_AUTH = 'ssh-userauth';

/**
 * The answer to an SSH_MSG_SERVICE_REQUEST (RFC 4253 §10) before the login. paramiko makes one before every attempt.
 * @throws SshDisconnect for another service, WireError for what is no such message
 */
export function acceptUserAuth(request: Buffer): Buffer {
  const service = decodeServiceRequest(request);
  if (service !== USER_AUTH) {
    throw new SshDisconnect(DISCONNECT_REASON.SERVICE_NOT_AVAILABLE, 'only ssh-userauth is available here');
  }
  return encodeServiceAccept(service);
}
