import { z } from 'zod';

/** How many sessions of a kind there were, and how many of them were post-quantum. */
export interface SessionCount {
  readonly name: string;
  readonly sessions: number;
  readonly pq: number;
}

/** A user with a client version, as a partner to talk to. */
export interface Partner {
  readonly user: string;
  readonly clientVersion: string;
  /** Sessions that a policy of hybrids only would have refused. */
  readonly sessions: number;
  /** When the last of them was, as the log says it; null where it says nothing. */
  readonly lastSeen: string | null;
  /** The client offers post-quantum methods, but none that this build implements. */
  readonly offersOtherPq: boolean;
}

export interface SessionReport {
  /** All sessions that came as far as a key exchange. */
  readonly total: SessionCount;
  /** Classical although both sides had a hybrid: the client only has to change its order. */
  readonly betterPqAvailable: number;
  /** Post-quantum only since the server insisted: the client would rather have had a classical method. */
  readonly insisted: number;
  /** Sessions that never logged in: scanners, health checks, strangers. */
  readonly withoutLogin: number;
  /** Each most frequent first. */
  readonly byClientVersion: readonly SessionCount[];
  readonly byUser: readonly SessionCount[];
  readonly byMethod: readonly SessionCount[];
  /** Who would be cut off by a policy of hybrids only, most sessions first. */
  readonly cutOff: readonly Partner[];
  /** Lines that are not JSON: pretty-printed logs, or cut-off lines. */
  readonly unreadableLines: number;
}

/** The part of `session.negotiated` that is summed; the whole is SessionKex. */
const negotiatedLine = z.object({
  event: z.literal('session.negotiated'),
  sessionId: z.string(),
  time: z.iso.datetime({ offset: true }).optional().catch(undefined),
  kex: z.object({
    method: z.string(),
    family: z.enum(['pq-hybrid', 'classical']),
    clientVersion: z.string(),
    betterPqAvailable: z.boolean(),
    // Logs of versions that did not insist say nothing of it.
    insistedOver: z.string().nullable().default(null),
    clientOfferedPq: z.boolean(),
    pqPossible: z.boolean(),
  }),
});
const successLine = z.object({ event: z.literal('auth.success'), sessionId: z.string(), user: z.string() });
const closedLine = z.object({ event: z.literal('session.closed'), sessionId: z.string() });
const anyLine = z.union([negotiatedLine, successLine, closedLine]);

type Negotiated = z.infer<typeof negotiatedLine>;

/** Sessions that wait for a login or an end; beyond this many the oldest is taken to have ended. */
const MAX_PENDING = 200_000;

/** A cheap look before a line is parsed: nearly all lines of a log are about files. */
const INTERESTING = /"event":\s*"(?:session\.negotiated|auth\.success|session\.closed)"/;

class Counter {
  readonly #counts = new Map<string, { sessions: number; pq: number }>();

  add(name: string, isPq: boolean): void {
    const count = this.#counts.get(name) ?? { sessions: 0, pq: 0 };
    count.sessions += 1;
    if (isPq) count.pq += 1;
    this.#counts.set(name, count);
  }

  get sorted(): SessionCount[] {
    return [...this.#counts]
      .map(([name, count]) => ({ name, ...count }))
      .sort((one, other) => other.sessions - one.sessions || (one.name < other.name ? -1 : 1));
  }
}

/** Sums the JSON log lines of any number of servers and files, a line at a time, in bounded memory for a bounded number of users. */
export class SessionReportBuilder {
  readonly #pending = new Map<string, Negotiated>();
  readonly #total = new Counter();
  readonly #clients = new Counter();
  readonly #users = new Counter();
  readonly #methods = new Counter();
  readonly #cutOff = new Map<string, Partner>();
  #betterPqAvailable = 0;
  #insisted = 0;
  #loggedIn = 0;
  #unreadableLines = 0;

  addLine(line: string): void {
    if (line.trim() === '') return;
    if (!INTERESTING.test(line)) {
      if (!line.startsWith('{') || !line.trimEnd().endsWith('}')) this.#unreadableLines += 1;
      return;
    }
    const parsed = anyLine.safeParse(parseOrNull(line));
    if (!parsed.success) this.#unreadableLines += 1;
    else if (parsed.data.event === 'session.negotiated') this.#negotiated(parsed.data);
    else if (parsed.data.event === 'auth.success') this.#success(parsed.data.sessionId, parsed.data.user);
    else this.#pending.delete(parsed.data.sessionId);
  }

  get report(): SessionReport {
    const [total = { name: 'all', sessions: 0, pq: 0 }] = this.#total.sorted;
    return {
      total,
      betterPqAvailable: this.#betterPqAvailable,
      insisted: this.#insisted,
      withoutLogin: total.sessions - this.#loggedIn,
      byClientVersion: this.#clients.sorted,
      byUser: this.#users.sorted,
      byMethod: this.#methods.sorted,
      cutOff: [...this.#cutOff.values()].sort((one, other) => other.sessions - one.sessions),
      unreadableLines: this.#unreadableLines,
    };
  }

  #negotiated(line: Negotiated): void {
    const { kex, sessionId } = line;
    const isPq = kex.family === 'pq-hybrid';
    this.#total.add('all', isPq);
    this.#clients.add(kex.clientVersion, isPq);
    this.#methods.add(kex.method, isPq);
    if (kex.betterPqAvailable) this.#betterPqAvailable += 1;
    if (kex.insistedOver !== null) this.#insisted += 1;
    this.#pending.set(sessionId, line);
    if (this.#pending.size <= MAX_PENDING) return;
    for (const oldest of this.#pending.keys()) {
      this.#pending.delete(oldest);
      break;
    }
  }

  #success(sessionId: string, user: string): void {
    const line = this.#pending.get(sessionId);
    if (line === undefined) return;
    this.#pending.delete(sessionId);
    const { kex } = line;
    const isPq = kex.family === 'pq-hybrid';
    this.#loggedIn += 1;
    this.#users.add(user, isPq);
    if (isPq || kex.pqPossible) return;
    const key = JSON.stringify([user, kex.clientVersion]);
    this.#cutOff.set(key, {
      user,
      clientVersion: kex.clientVersion,
      sessions: (this.#cutOff.get(key)?.sessions ?? 0) + 1,
      lastSeen: latest(this.#cutOff.get(key)?.lastSeen ?? null, line.time ?? null),
      offersOtherPq: kex.clientOfferedPq,
    });
  }
}

/** The later of two ISO 8601 times; files may be given in any order. */
function latest(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return Date.parse(one) > Date.parse(other) ? one : other;
}

function parseOrNull(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return null;
  }
}
