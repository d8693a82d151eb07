import type { Tag } from '../../state/records.ts';
import { networks } from '../../config/networks.ts';
import { SettingRefused } from '../../management/server-control.ts';
import type { PostQuantumRequirement } from '../../policy/post-quantum-requirement.ts';

/** Tags with this beginning are settings of Latticeport. */
const PREFIX = 'latticeport:';

/** What the tags of a user set. */
export interface UserTagSettings {
  /** May not log in. */
  readonly disabled: boolean;
  /** From then on it may not log in, and its sessions end. Milliseconds since the epoch. */
  readonly expiresAt: number | null;
  /** The user's own setting instead of the server's. */
  readonly requirePostQuantum: PostQuantumRequirement | undefined;
  /** From where it may log in, as CIDR has networks. Left out: from everywhere. */
  readonly allowedNetworks: readonly string[] | undefined;
  readonly deniedNetworks: readonly string[];
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

const NETWORKS = 'networks with spaces between them, such as 192.0.2.0/24 2001:db8::/32';

const SETTINGS: Readonly<Record<string, (value: string, into: Mutable<UserTagSettings>) => string | null>> = {
  'latticeport:disabled': (value, into) => {
    into.disabled = value === 'true';
    return isBoolean(value) ? null : 'true or false';
  },
  'latticeport:expires': (value, into) => {
    into.expiresAt = timeOf(value);
    return into.expiresAt === null
      ? 'a date such as 2027-01-31 (00:00 UTC) or a time such as 2027-01-31T18:00:00Z'
      : null;
  },
  'latticeport:require-post-quantum': (value, into) => {
    if (isBoolean(value)) into.requirePostQuantum = value === 'true';
    else if (isDate(value)) into.requirePostQuantum = { from: value };
    else return 'true, false, or the date from which on it is required, such as 2027-01-31';
    return null;
  },
  'latticeport:allowed-cidrs': (value, into) => {
    into.allowedNetworks = networksOf(value) ?? undefined;
    return into.allowedNetworks === undefined ? NETWORKS : null;
  },
  'latticeport:denied-cidrs': (value, into) => {
    const denied = networksOf(value);
    into.deniedNetworks = denied ?? [];
    return denied === null ? NETWORKS : null;
  },
  'latticeport:comment': () => null,
};

/** @throws SettingRefused for a tag that begins with `latticeport:` and is none, or has another value than expected */
export function userTagSettings(tags: readonly Tag[]): UserTagSettings {
  const settings: Mutable<UserTagSettings> = {
    ...{ disabled: false, expiresAt: null, requirePostQuantum: undefined },
    ...{ allowedNetworks: undefined, deniedNetworks: [] },
  };
  for (const { Key, Value } of tags) {
    if (!Key.toLowerCase().startsWith(PREFIX)) continue;
    const apply = Object.hasOwn(SETTINGS, Key) ? SETTINGS[Key] : undefined;
    if (apply === undefined) {
      const known = Object.keys(SETTINGS).join(', ');
      throw new SettingRefused('Tags', `${JSON.stringify(Key)} is no setting of a user: expected one of ${known}`);
    }
    const expected = apply(Value, settings);
    if (expected !== null) {
      throw new SettingRefused('Tags', `${Key} is ${JSON.stringify(Value)}: expected ${expected}`);
    }
  }
  return settings;
}

/**
 * Whether and until when the user may log in, also where another tag, or another version of these, cannot be understood here. What
 * says neither true nor false disables, and a time that is none has passed: whoever wrote it wanted the user out.
 */
export function accessTags(tags: readonly Tag[]): Pick<UserTagSettings, 'disabled' | 'expiresAt'> {
  let disabled = false;
  let expiresAt: number | null = null;
  for (const { Key, Value } of tags) {
    if (Key === 'latticeport:disabled') disabled = Value !== 'false';
    else if (Key === 'latticeport:expires') expiresAt = timeOf(Value) ?? 0;
  }
  return { disabled, expiresAt };
}

/** null for what is no list of networks. */
function networksOf(value: string): string[] | null {
  const read = networks.min(1).safeParse(value.split(/[\s,]+/).filter((word) => word !== ''));
  return read.success ? read.data : null;
}

function isBoolean(value: string): boolean {
  return value === 'true' || value === 'false';
}

function isDate(value: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(value) && isoTime(`${value}T00:00:00Z`) !== null;
}

function timeOf(value: string): number | null {
  if (isDate(value)) return isoTime(`${value}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(value) ? isoTime(value) : null;
}

/** null for a day that no month has. */
function isoTime(value: string): number | null {
  const time = Date.parse(value);
  const [year, month, day] = value.slice(0, 10).split('-').map(Number);
  if (Number.isNaN(time) || year === undefined || month === undefined || day === undefined) return null;
  const noon = new Date(Date.UTC(year, month - 1, day, 12));
  return noon.getUTCMonth() === month - 1 && noon.getUTCDate() === day ? time : null;
}
