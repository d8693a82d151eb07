import type { SessionIdentity } from '../events/session-event.ts';

/** Of a name that nobody has to have: RFC 4252 sets no bound. Characters. */
const MAX_SHOWN_NAME = 100;

/** The user's name as it stands in the log. */
export function shownUser({ user }: SessionIdentity): string | undefined {
  return user?.slice(0, MAX_SHOWN_NAME);
}

/** The fields that every line of a session begins with; a field that is undefined is not written. */
export function whose(identity: SessionIdentity): {
  readonly sessionId: string;
  readonly remoteAddress: string;
  readonly user: string | undefined;
} {
  const { sessionId, remoteAddress } = identity;
  return { sessionId, remoteAddress, user: shownUser(identity) };
}
