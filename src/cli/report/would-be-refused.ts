import type { Config } from '../../config/schema.ts';
import { clientPqAdvice, clientPqKeyAdvice } from '../../policy/client-pq-advice.ts';
import {
  REQUIREMENT_SETTINGS,
  requirementFor,
  requirementState,
  signsPostQuantum,
  type Requirement,
  type RequirementSetting,
} from '../../policy/post-quantum-requirement.ts';
import type { GroupCount } from '../../telemetry/group-counts.ts';
import type { LoginSighting } from '../../telemetry/login-sightings.ts';

/** A user with a client, in a way in which it could not log in on the day in question. */
export interface RefusedPartner {
  readonly user: string;
  readonly clientVersion: string;
  /** The setting that would refuse it, and whose: null where no configuration was asked. */
  readonly setting: RequirementSetting;
  readonly setBy: 'user' | 'server' | null;
  /** The key exchange method, "password", or the type and fingerprint of a key. */
  readonly because: string;
  /** Logins of this kind, refused ones too. */
  readonly logins: number;
  /** When the last of them was; null where the log says nothing. ISO 8601. */
  readonly lastSeen: string | null;
  /**
   * When the user last came in a way that would do, with the same client (key exchange) or with any (key); null where it
   * never did. Later than `lastSeen`: it has probably changed over.
   */
  readonly lastPostQuantum: string | null;
  /** What the client would be told. */
  readonly advice: string;
}

/** Who would be refused on a day, by what a log tells of how they came so far. */
export interface RefusedOn {
  /** ISO 8601, from 00:00 UTC on. */
  readonly date: string;
  /** The configuration whose settings are meant; null: as if all users were required to have all. */
  readonly config: string | null;
  /** The last seen first. */
  readonly partners: readonly RefusedPartner[];
  /** Users of the configuration for whom something is required then, and of whom the log says nothing. */
  readonly notSeen: readonly string[];
}

/** Users and their settings, as a configuration has them. */
export type RequiringConfig = Pick<Config, 'users' | 'requirePostQuantum' | 'requirePostQuantumKey'>;

interface AskedConfig {
  readonly file: string;
  readonly config: RequiringConfig;
}

/** Judges sightings by what is required on `date`. Pure. */
export function refusedOn(
  date: string,
  sightings: readonly GroupCount<LoginSighting>[],
  asked: AskedConfig | null,
): RefusedOn {
  const required = requirementsOn(date, asked);
  const lastGoodTime = lastGood(sightings);
  const partners = new Map<string, RefusedPartner>();
  for (const { kind, count, last } of sightings) {
    for (const { setting, setBy } of required(kind.user)) {
      if (MEETS[setting](kind)) continue;
      const { user, clientVersion } = kind;
      const because = setting === 'requirePostQuantum' ? kind.kex : credential(kind);
      const key = JSON.stringify([user, clientVersion, setting, because]);
      const known = partners.get(key);
      partners.set(key, {
        user,
        clientVersion,
        setting,
        setBy: asked === null ? null : setBy,
        because,
        logins: (known?.logins ?? 0) + count,
        lastSeen: later(known?.lastSeen ?? null, last === '' ? null : last),
        lastPostQuantum: lastGoodTime(setting, kind),
        advice: setting === 'requirePostQuantum' ? clientPqAdvice(clientVersion) : clientPqKeyAdvice(clientVersion),
      });
    }
  }
  const seen = new Set(sightings.map(({ kind }) => kind.user));
  return {
    date,
    config: asked?.file ?? null,
    partners: [...partners.values()].sort((one, other) => descending(one.lastSeen ?? '', other.lastSeen ?? '')),
    notSeen: (asked?.config.users ?? [])
      .filter(({ name, disabled }) => !disabled && !seen.has(name) && required(name).length > 0)
      .map(({ name }) => name),
  };
}

const MEETS: Readonly<Record<RequirementSetting, (kind: LoginSighting) => boolean>> = {
  requirePostQuantum: ({ postQuantumExchange }) => postQuantumExchange,
  requirePostQuantumKey: ({ signatureAlgorithm, caSignatureAlgorithm }) =>
    signatureAlgorithm !== null && [signatureAlgorithm, caSignatureAlgorithm ?? []].flat().every(signsPostQuantum),
};

/** What is required of a user on that day; nothing of one that the configuration does not have. */
function requirementsOn(date: string, asked: AskedConfig | null): (user: string) => readonly Requirement[] {
  if (asked === null) {
    const all = REQUIREMENT_SETTINGS.map((setting) => ({ setting, setBy: 'server', value: true }) as const);
    return () => all;
  }
  const { config } = asked;
  const at = Date.parse(`${date}T00:00:00Z`);
  const byName = new Map(
    config.users.map((user) => [
      user.name,
      REQUIREMENT_SETTINGS.map((setting) => requirementFor(setting, user, config)).filter(
        ({ value }) => requirementState(value, at) === 'now',
      ),
    ]),
  );
  return (user) => byName.get(user) ?? [];
}

/** When a user last came in a way that meets a setting. `sightings` are sorted, the last first. */
function lastGood(
  sightings: readonly GroupCount<LoginSighting>[],
): (setting: RequirementSetting, kind: LoginSighting) => string | null {
  const times = new Map<string, string>();
  // A key may move to another client, a client's key exchange may not.
  const keyOf = (setting: RequirementSetting, { user, clientVersion }: LoginSighting): string =>
    JSON.stringify(setting === 'requirePostQuantum' ? [setting, user, clientVersion] : [setting, user]);
  for (const { kind, last } of sightings) {
    for (const setting of REQUIREMENT_SETTINGS) {
      const key = keyOf(setting, kind);
      if (last !== '' && MEETS[setting](kind) && !times.has(key)) times.set(key, last);
    }
  }
  return (setting, kind) => times.get(keyOf(setting, kind)) ?? null;
}

function credential({ method, keyType, fingerprint, caSignatureAlgorithm }: LoginSighting): string {
  const ca = caSignatureAlgorithm === null ? null : `of a CA with ${caSignatureAlgorithm}`;
  return [keyType ?? method, fingerprint, ca].filter((word) => word !== null).join(' ');
}

function later(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return one > other ? one : other;
}

function descending(one: string, other: string): number {
  return one < other ? 1 : one > other ? -1 : 0;
}
