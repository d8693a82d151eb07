import { createHash } from 'node:crypto';

/** AWS STS API Reference, AssumeRole: RoleSessionName has at most so many characters, of `[\w+=,.@-]`. */
const MAX_CHARACTERS = 64;
const DIGEST_CHARACTERS = 12;

/**
 * Under which name the records of AWS (CloudTrail) have what a user does: `alice@s-0123456789abcdef0`, as Transfer Family has it but
 * for the id of the session, since all sessions of a user share credentials. A name that is too long is cut, and told from others
 * by a digest.
 */
export function roleSessionName(userName: string, serverId: string): string {
  const server = `@${serverId}`;
  const room = MAX_CHARACTERS - server.length;
  if (userName.length <= room) return userName + server;
  const digest = createHash('sha256').update(userName).digest('hex').slice(0, DIGEST_CHARACTERS);
  return `${userName.slice(0, room - digest.length - 1)}=${digest}${server}`;
}
