import { clientPqAdvice } from './client-pq-advice.ts';

/** `requirePostQuantum` of a user. `from`: an ISO 8601 date, on which it begins at 00:00 UTC. */
export type PostQuantumRequirement = boolean | { readonly from: string };

/** What a user with a classical session is told, and whether the session may go on. */
export interface ClassicalSession {
  readonly refused: boolean;
  readonly banner: string;
}

/** null where nothing is required, now or later. `now` in milliseconds since the epoch. Pure. */
export function judgeClassicalSession(
  requirement: PostQuantumRequirement,
  clientVersion: string,
  now: number,
): ClassicalSession | null {
  if (requirement === false) return null;
  const advice = clientPqAdvice(clientVersion);
  if (requirement !== true && now < Date.parse(`${requirement.from}T00:00:00Z`)) {
    const banner = `From ${requirement.from} on your account needs a post-quantum key exchange, and this session has none.\n${advice}\n`;
    return { refused: false, banner };
  }
  return {
    refused: true,
    banner: `Your account needs a post-quantum key exchange, and this session has none.\n${advice}\n`,
  };
}
