import { BoundedMap, GroupCounts, type GroupCount } from './group-counts.ts';
import { logFields, textField, type LogFields } from './log-fields.ts';

/** Connections that wait for a login or an end; beyond this many the oldest is taken to have ended. */
const MAX_PENDING = 50_000;
/** Of connections that ended before they named a user: how and where from. */
const MAX_NAMELESS = 10_000;
const MAX_ADDRESSES = 100;
const MAX_NAMES = 10_000;
const LAST_FILES = 10;

/** What became of a file, newest last. */
export interface FileRecord {
  readonly time: string;
  readonly activity: string;
  readonly path: string;
  readonly target: string | null;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly milliseconds: number | null;
  /** Why it failed, or null. */
  readonly problem: string | null;
}

export interface LoginKind {
  readonly method: string;
  readonly keyType: string | null;
  readonly fingerprint: string | null;
}

export interface FailureKind extends LoginKind {
  readonly reason: string;
  readonly algorithm: string | null;
  /** The key is the user's; something else was wrong. */
  readonly keyIsUsers: boolean;
  /** Of a certificate: what the reason leaves open. */
  readonly problem: string | null;
}

export interface AlgorithmsKind {
  readonly kex: string;
  readonly postQuantum: boolean;
  readonly cipher: string | null;
  readonly hostKey: string | null;
  readonly clientVersion: string | null;
}

/** What the logs say of one user. */
export interface PartnerHistory {
  readonly user: string;
  /** By key or method, the last first; so are all the others. */
  readonly logins: readonly GroupCount<LoginKind>[];
  readonly failures: readonly GroupCount<FailureKind>[];
  readonly algorithms: readonly GroupCount<AlgorithmsKind>[];
  /** How sessions of the user ended that did not end in good order. */
  readonly endings: readonly GroupCount<{ readonly message: string }>[];
  /** Connections from the user's addresses that ended before they named a user. */
  readonly nameless: readonly GroupCount<{ readonly address: string; readonly message: string }>[];
  readonly addresses: readonly string[];
  readonly files: readonly FileRecord[];
  /** Users that the logs name, at most 10,000. */
  readonly otherUsers: readonly string[];
  /** Lines that are not JSON: lines for a terminal, or cut-off ones. */
  readonly unreadableLines: number;
}

/**
 * Gathers one user's history from the JSON log lines of any number of servers and files, a line at a time. Its memory is
 * bounded, whatever the logs hold: kinds of events are counted, the last files are kept.
 */
export class PartnerHistoryBuilder {
  readonly #user: string;
  /** The user's name as it stands in a line of JSON: a cheap look before a line is parsed. */
  readonly #quotedUser: string;
  /** Milliseconds since the epoch: what is older is left out. */
  readonly #since: number;
  readonly #pending = new BoundedMap<string, AlgorithmsKind>(MAX_PENDING);
  readonly #logins = new GroupCounts<LoginKind>();
  readonly #failures = new GroupCounts<FailureKind>();
  readonly #algorithms = new GroupCounts<AlgorithmsKind>();
  readonly #endings = new GroupCounts<{ message: string }>();
  readonly #nameless = new GroupCounts<{ address: string; message: string }>(MAX_NAMELESS);
  readonly #addresses = new BoundedMap<string, true>(MAX_ADDRESSES);
  readonly #names = new BoundedMap<string, true>(MAX_NAMES);
  #files: FileRecord[] = [];
  #unreadableLines = 0;

  constructor(user: string, since = Number.NEGATIVE_INFINITY) {
    this.#user = user;
    this.#quotedUser = JSON.stringify(user);
    this.#since = since;
  }

  addLine(line: string): void {
    if (line.trim() === '') return;
    // Nearly all lines of a log are about other users' files.
    const isOfSessions = /"event":\s*"(?:session|auth)\./.test(line);
    if (!isOfSessions && !line.includes(this.#quotedUser) && line.startsWith('{')) return;
    const fields = logFields(line);
    if (fields === null) {
      this.#unreadableLines += 1;
      return;
    }
    const event = textField(fields, 'event') ?? '';
    const time = textField(fields, 'time') ?? '';
    if (event === 'session.negotiated') this.#negotiated(fields);
    // A line without a time that can be read is not left out.
    if (!(Date.parse(time) < this.#since)) this.#tell(event, time, fields);
    if (event === 'session.closed') this.#pending.delete(textField(fields, 'sessionId') ?? '');
  }

  get history(): PartnerHistory {
    return {
      user: this.#user,
      logins: this.#logins.lastFirst,
      failures: this.#failures.lastFirst,
      algorithms: this.#algorithms.lastFirst,
      endings: this.#endings.lastFirst,
      nameless: this.#nameless.lastFirst.filter(({ kind }) => this.#addresses.has(kind.address)),
      addresses: [...this.#addresses.keys()],
      files: this.#files,
      otherUsers: [...this.#names.keys()],
      unreadableLines: this.#unreadableLines,
    };
  }

  #tell(event: string, time: string, fields: LogFields): void {
    const user = textField(fields, 'user');
    const address = textField(fields, 'remoteAddress');
    if (user !== null && user !== this.#user) this.#names.set(user, true);
    if (event === 'session.closed' && user === null && address !== null) {
      this.#nameless.add({ address, message: textField(fields, 'msg') ?? '' }, time);
    }
    if (user !== this.#user) return;
    if (address !== null) this.#addresses.set(address, true);
    if (event === 'auth.success') this.#success(time, fields);
    else if (event === 'auth.failure') this.#failure(time, fields);
    else if (event === 'session.closed') this.#closed(time, fields);
    else if (event === 'session.rekey-refused') this.#endings.add({ message: textField(fields, 'msg') ?? '' }, time);
    else if (event.startsWith('sftp.')) this.#file(event, time, fields);
  }

  #negotiated(fields: LogFields): void {
    const kex = fields['kex'];
    const sessionId = textField(fields, 'sessionId');
    if (sessionId === null || typeof kex !== 'object' || kex === null) return;
    const of = kex as LogFields;
    const cipher = of['cipher'];
    this.#pending.set(sessionId, {
      kex: textField(of, 'method') ?? 'unknown',
      postQuantum: of['family'] === 'pq-hybrid',
      cipher: typeof cipher === 'object' && cipher !== null ? textField(cipher as LogFields, 'clientToServer') : null,
      hostKey: textField(of, 'hostKey'),
      clientVersion: textField(of, 'clientVersion'),
    });
  }

  #success(time: string, fields: LogFields): void {
    this.#logins.add(loginKind(fields), time);
    const algorithms = this.#pending.get(textField(fields, 'sessionId') ?? '');
    if (algorithms !== undefined) this.#algorithms.add(algorithms, time);
  }

  #failure(time: string, fields: LogFields): void {
    const { keys } = fields;
    const tried = Array.isArray(keys) ? keys.filter((key): key is LogFields => typeof key === 'object') : [];
    for (const key of tried.length > 0 ? tried : [fields]) {
      this.#failures.add(
        {
          ...loginKind({ ...key, method: fields['method'], keyType: key['type'] ?? key['keyType'] }),
          reason: textField(key, 'reason') ?? 'unknown',
          algorithm: textField(key, 'algorithm'),
          keyIsUsers: key['keyIsUsers'] === true,
          problem: problemOf(key['certificate']),
        },
        time,
      );
    }
    // What a client that is not let in could have agreed on is a part of the answer as well.
    const algorithms = this.#pending.get(textField(fields, 'sessionId') ?? '');
    if (algorithms !== undefined) this.#algorithms.add(algorithms, time, 0);
  }

  #closed(time: string, fields: LogFields): void {
    // A client that leaves without a login has a failure of its own; here it is we who ended it.
    const endedByUs = fields['authenticated'] === false && fields['byPeer'] === false;
    if (fields['level'] === 'info' && !endedByUs) return;
    this.#endings.add({ message: textField(fields, 'msg') ?? '' }, time);
  }

  #file(event: string, time: string, fields: LogFields): void {
    const path = textField(fields, 'path');
    const problem = textField(fields, 'error');
    // The close of a file tells what was done with it.
    if (path === null || (event === 'sftp.open' && problem === null) || event === 'sftp.opendir') return;
    this.#files.push({
      time,
      activity: textField(fields, 'activity') ?? event,
      path,
      target: textField(fields, 'target'),
      bytesRead: numberField(fields, 'bytesRead') ?? 0,
      bytesWritten: numberField(fields, 'bytesWritten') ?? 0,
      milliseconds: numberField(fields, 'milliseconds'),
      problem,
    });
    // Files may be given in any order, so the last are known by their times; rarely, so that it costs little.
    if (this.#files.length >= LAST_FILES * 10) this.#files = lastFiles(this.#files);
  }

  /** No more lines come: the last files are those with the latest times. */
  finish(): PartnerHistory {
    this.#files = lastFiles(this.#files);
    return this.history;
  }
}

function lastFiles(files: readonly FileRecord[]): FileRecord[] {
  return [...files]
    .sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0))
    .slice(-LAST_FILES);
}

function loginKind(fields: LogFields): LoginKind {
  return {
    method: textField(fields, 'method') ?? 'unknown',
    keyType: textField(fields, 'keyType'),
    fingerprint: textField(fields, 'fingerprint'),
  };
}

function problemOf(certificate: unknown): string | null {
  return typeof certificate === 'object' && certificate !== null
    ? textField(certificate as LogFields, 'problem')
    : null;
}

function numberField(fields: LogFields, name: string): number | null {
  const value = fields[name];
  return typeof value === 'number' ? value : null;
}
