import { HOST_KEY_BY_NAME } from '../crypto/algorithms/algorithm-table.ts';
import { clientPqAdvice, clientPqKeyAdvice } from './client-pq-advice.ts';

/** What may be required of a session, of a user or of all users of a server: its key exchange, and the key that logs in. */
export const REQUIREMENT_SETTINGS = ['requirePostQuantum', 'requirePostQuantumKey'] as const;

export type RequirementSetting = (typeof REQUIREMENT_SETTINGS)[number];

/** `from`: an ISO 8601 date, on which it begins at 00:00 UTC. */
export type PostQuantumRequirement = boolean | { readonly from: string };

/** The settings as a user or a server has them; undefined where it has none. */
export type RequirementSettings = { readonly [Setting in RequirementSetting]?: PostQuantumRequirement | undefined };

/** What holds for one user, and whose setting says so. */
export interface Requirement {
  readonly setting: RequirementSetting;
  readonly setBy: 'user' | 'server';
  readonly value: PostQuantumRequirement;
}

/** A user's own setting wins over the server's: `false` exempts the user. Pure. */
export function requirementFor(
  setting: RequirementSetting,
  user: RequirementSettings,
  server: RequirementSettings,
): Requirement {
  const own = user[setting];
  return own === undefined
    ? { setting, setBy: 'server', value: server[setting] ?? false }
    : { setting, setBy: 'user', value: own };
}

/** Whether it is required now, or from a later date on, or never. */
export type RequirementState = 'now' | 'later' | 'never';

/** `now` in milliseconds since the epoch. Pure. */
export function requirementState(value: PostQuantumRequirement, now: number): RequirementState {
  if (typeof value === 'boolean') return value ? 'now' : 'never';
  return now < startOf(value.from) ? 'later' : 'now';
}

/** 00:00 UTC of an ISO 8601 date, in milliseconds since the epoch. */
function startOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`);
}

/** Whether a forger of such a signature must break a post-quantum scheme. False for what this build does not know. */
export function signsPostQuantum(signatureAlgorithm: string): boolean {
  const pq = HOST_KEY_BY_NAME.get(signatureAlgorithm)?.pq ?? null;
  return pq !== null;
}

/** A login with the right credential, as far as a requirement asks about it. */
export interface JudgedLogin {
  /** The client's identification string: hostile text. */
  readonly clientVersion: string;
  readonly postQuantumExchange: boolean;
  /** Those of all signatures that the login rests on; none for a password. */
  readonly signatureAlgorithms: readonly string[];
}

/** What the client of a login is told, and which setting refuses it: null where it may go on. */
export interface LoginJudgement {
  readonly banner: string;
  readonly refusedBy: RequirementSetting | null;
}

/**
 * Judges a login by the requirements that hold for its user: null where there is nothing to say. What is required from a
 * later date on is told and refuses nothing. `now` in milliseconds since the epoch. Pure.
 */
export function judgeLogin(
  requirements: readonly Requirement[],
  login: JudgedLogin,
  now: number,
): LoginJudgement | null {
  const found = requirements.flatMap(({ setting, value }) => {
    const state = requirementState(value, now);
    if (state === 'never' || MEETS[setting](login)) return [];
    return [{ setting, state, banner: bannerOf(setting, value, login, state) }];
  });
  if (found.length === 0) return null;
  return {
    banner: found.map(({ banner }) => banner).join(''),
    refusedBy: found.find(({ state }) => state === 'now')?.setting ?? null,
  };
}

const MEETS: Readonly<Record<RequirementSetting, (login: JudgedLogin) => boolean>> = {
  requirePostQuantum: ({ postQuantumExchange }) => postQuantumExchange,
  // Whoever can forge one of several signatures can log in.
  requirePostQuantumKey: ({ signatureAlgorithms }) =>
    signatureAlgorithms.length > 0 && signatureAlgorithms.every(signsPostQuantum),
};

/** `signatureAlgorithms`: that of the key before the others. */
function whatIsClassical([ofKey]: readonly string[]): string {
  if (ofKey === undefined) return 'this one is by a password';
  return signsPostQuantum(ofKey) ? 'the CA of its certificate is classical' : 'the key of this one is classical';
}

function bannerOf(
  setting: RequirementSetting,
  value: PostQuantumRequirement,
  { clientVersion, signatureAlgorithms }: JudgedLogin,
  state: 'now' | 'later',
): string {
  const [needs, has, advice] =
    setting === 'requirePostQuantum'
      ? ['a post-quantum key exchange', 'this session has none', clientPqAdvice(clientVersion)]
      : ['a login by a post-quantum key', whatIsClassical(signatureAlgorithms), clientPqKeyAdvice(clientVersion)];
  const from = state === 'later' && typeof value === 'object' ? `From ${value.from} on your` : 'Your';
  return `${from} account needs ${needs}, and ${has}.\n${advice}\n`;
}
