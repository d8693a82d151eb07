/** `problem`: what is recorded today can be read later, or a part does not work. `warning`: it depends on the client, or on the day. */
export type Verdict = 'ok' | 'warning' | 'problem';

/** What is looked at, in the order of the page. */
export const AREAS = {
  'key-exchange': 'Key exchange',
  'host-keys': 'Host keys',
  users: 'Users',
  links: 'Links',
  sessions: 'Sessions of the log',
} as const;

export type Area = keyof typeof AREAS;

/** All that can be found, each with what it means: docs/doctor.md has the same list. */
export const FINDINGS = {
  'key-exchange.hybrids-only': { area: 'key-exchange', verdict: 'ok' },
  'key-exchange.classical-refused': { area: 'key-exchange', verdict: 'ok' },
  'key-exchange.none': { area: 'key-exchange', verdict: 'problem' },
  'key-exchange.offer': { area: 'key-exchange', verdict: 'problem' },
  'key-exchange.classical': { area: 'key-exchange', verdict: 'warning' },
  'key-exchange.excepted': { area: 'key-exchange', verdict: 'warning' },
  'key-exchange.required-later': { area: 'key-exchange', verdict: 'warning' },
  'key-exchange.exempt': { area: 'key-exchange', verdict: 'warning' },
  'key-exchange.password-sent': { area: 'key-exchange', verdict: 'warning' },
  'host-keys.post-quantum': { area: 'host-keys', verdict: 'ok' },
  'host-keys.unusable': { area: 'host-keys', verdict: 'problem' },
  'host-keys.classical-only': { area: 'host-keys', verdict: 'warning' },
  'host-keys.left-out': { area: 'host-keys', verdict: 'warning' },
  'host-keys.classical-beside': { area: 'host-keys', verdict: 'warning' },
  'users.post-quantum': { area: 'users', verdict: 'ok' },
  'users.none': { area: 'users', verdict: 'ok' },
  'users.locked-out': { area: 'users', verdict: 'problem' },
  'users.locked-out-later': { area: 'users', verdict: 'warning' },
  'users.classical': { area: 'users', verdict: 'warning' },
  'users.classical-beside': { area: 'users', verdict: 'warning' },
  'storage.here': { area: 'links', verdict: 'ok' },
  'storage.post-quantum': { area: 'links', verdict: 'ok' },
  'storage.plain': { area: 'links', verdict: 'problem' },
  'storage.classical': { area: 'links', verdict: 'problem' },
  'storage.unknown': { area: 'links', verdict: 'warning' },
  'metrics.here': { area: 'links', verdict: 'ok' },
  'metrics.post-quantum': { area: 'links', verdict: 'ok' },
  'metrics.prefer': { area: 'links', verdict: 'warning' },
  'metrics.plain': { area: 'links', verdict: 'warning' },
  'sessions.none': { area: 'sessions', verdict: 'ok' },
  'sessions.post-quantum': { area: 'sessions', verdict: 'ok' },
  'sessions.classical': { area: 'sessions', verdict: 'problem' },
  'sessions.classical-logins': { area: 'sessions', verdict: 'warning' },
} as const satisfies Readonly<Record<string, { readonly area: Area; readonly verdict: Verdict }>>;

export type FindingId = keyof typeof FINDINGS;

/** A line to change in a file, or a command to run. */
export type Change =
  { readonly file: string; readonly setting: string; readonly value: unknown } | { readonly command: string };

export interface Finding {
  readonly id: FindingId;
  readonly area: Area;
  readonly verdict: Verdict;
  /** In one sentence or two. May hold words of strangers: to be made printable where it is shown. */
  readonly says: string;
  /** Whom or what it is about, one a row: users, files, clients. */
  readonly about: readonly string[];
  /** What would mend it; several are all to be done, unless `says` has an "or". */
  readonly changes: readonly Change[];
}

export function finding(
  id: FindingId,
  says: string,
  more: { readonly about?: readonly string[]; readonly changes?: readonly Change[] } = {},
): Finding {
  return { id, ...FINDINGS[id], says, about: more.about ?? [], changes: more.changes ?? [] };
}

/** The worst of them. */
export function worst(findings: readonly Finding[]): Verdict {
  if (findings.some(({ verdict }) => verdict === 'problem')) return 'problem';
  return findings.some(({ verdict }) => verdict === 'warning') ? 'warning' : 'ok';
}
