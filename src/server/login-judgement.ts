import type { FailureReason } from '../auth/failure-reasons.ts';
import type { AuthSuccess, SessionJudgement } from '../auth/server-auth.ts';
import {
  judgeLogin,
  REQUIREMENT_SETTINGS,
  requirementFor,
  requirementState,
  type RequirementSetting,
  type RequirementSettings,
} from '../policy/post-quantum-requirement.ts';
import type { User } from './users.ts';

/** What the log calls a refusal, and what the client is told as its connection ends. */
const REFUSALS: Readonly<Record<RequirementSetting, { readonly reason: FailureReason; readonly words: string }>> = {
  requirePostQuantum: { reason: 'not-post-quantum', words: 'this user needs a post-quantum key exchange' },
  requirePostQuantumKey: { reason: 'not-post-quantum-key', words: 'this user needs a post-quantum key' },
};

/** How the client proved it. */
type JudgedSuccess = Pick<AuthSuccess<User>, 'identity' | 'signatureAlgorithm' | 'certificate'>;

/** A session whose client has proved to be its user. */
interface JudgedSession {
  /** null where it is not known any more. */
  readonly clientVersion: string | null;
  /** Of its last key exchange. */
  readonly postQuantumExchange: boolean;
}

/**
 * What is to be said of a login by the settings of its user and of the server, and whether it may go on; null where nothing
 * is to be said. `now` in milliseconds since the epoch.
 */
export function judgeSession(
  { identity, signatureAlgorithm, certificate }: JudgedSuccess,
  { clientVersion, postQuantumExchange }: JudgedSession,
  server: RequirementSettings,
  now: number,
): SessionJudgement | null {
  const judged = judgeLogin(
    REQUIREMENT_SETTINGS.map((setting) => requirementFor(setting, identity.settings, server)),
    {
      clientVersion: clientVersion ?? '',
      postQuantumExchange,
      // A certificate is as strong as the weaker of its key and its CA.
      signatureAlgorithms: [signatureAlgorithm, certificate?.caSignatureAlgorithm].flatMap((name) => name ?? []),
    },
    now,
  );
  if (judged === null) return null;
  const { banner, refusedBy } = judged;
  return { banner, refusal: refusedBy === null ? null : REFUSALS[refusedBy] };
}

/** The words for a session whose user may not have a classical key exchange at that time; null where it may. */
export function classicalExchangeRefusal(user: User, server: RequirementSettings, now: number): string | null {
  const { value } = requirementFor('requirePostQuantum', user.settings, server);
  return requirementState(value, now) === 'now' ? REFUSALS.requirePostQuantum.words : null;
}
