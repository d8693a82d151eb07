import { BoundedMap, GroupCounts, type GroupCount } from './group-counts.ts';
import { logFields, textField, type LogFields } from './log-fields.ts';

/** Connections that wait for a login or an end; beyond this many the oldest is taken to have ended. */
const MAX_PENDING = 200_000;
/** Kinds of logins; beyond this many the ones that came first are forgotten. */
const MAX_KINDS = 100_000;

/** A cheap look before a line is parsed: nearly all lines of a log are about files. */
const INTERESTING = /"event":\s*"(?:session\.negotiated|auth\.success|auth\.failure|session\.closed)"/;

/** Logins that were refused although the credential was right count as sightings of the client all the same. */
const REFUSED: readonly (string | null)[] = ['not-post-quantum', 'not-post-quantum-key'];

/** How somebody who had the right credential came. */
export interface LoginSighting {
  readonly user: string;
  readonly clientVersion: string;
  readonly kex: string;
  readonly postQuantumExchange: boolean;
  /** `publickey` or `password`. */
  readonly method: string;
  /** null for a password, all three. */
  readonly keyType: string | null;
  readonly fingerprint: string | null;
  readonly signatureAlgorithm: string | null;
  /** What the CA of a certificate signed that with; null where there is none. */
  readonly caSignatureAlgorithm: string | null;
}

type Exchange = Pick<LoginSighting, 'clientVersion' | 'kex' | 'postQuantumExchange'>;

/** Gathers who came how from the JSON log lines of any number of servers and files, a line at a time, in bounded memory. */
export class LoginSightings {
  readonly #pending = new BoundedMap<string, Exchange>(MAX_PENDING);
  readonly #sightings = new GroupCounts<LoginSighting>(MAX_KINDS);

  addLine(line: string): void {
    if (!INTERESTING.test(line)) return;
    const fields = logFields(line);
    const sessionId = fields === null ? null : textField(fields, 'sessionId');
    if (fields === null || sessionId === null) return;
    switch (textField(fields, 'event')) {
      case 'session.negotiated':
        this.#negotiated(sessionId, fields);
        return;
      case 'auth.success':
        this.#login(sessionId, fields, textField(fields, 'signatureAlgorithm'));
        return;
      case 'auth.failure':
        if (REFUSED.includes(textField(fields, 'reason')))
          this.#login(sessionId, fields, textField(fields, 'algorithm'));
        return;
      default:
        this.#pending.delete(sessionId);
    }
  }

  /** By kind, the last first. */
  get lastFirst(): GroupCount<LoginSighting>[] {
    return this.#sightings.lastFirst;
  }

  #negotiated(sessionId: string, { kex }: LogFields): void {
    if (typeof kex !== 'object' || kex === null) return;
    const of = kex as LogFields;
    this.#pending.set(sessionId, {
      clientVersion: textField(of, 'clientVersion') ?? '',
      kex: textField(of, 'method') ?? 'unknown',
      postQuantumExchange: of['family'] === 'pq-hybrid',
    });
  }

  #login(sessionId: string, fields: LogFields, signatureAlgorithm: string | null): void {
    const exchange = this.#pending.get(sessionId);
    const user = textField(fields, 'user');
    if (exchange === undefined || user === null) return;
    const keyType = textField(fields, 'keyType');
    const login = {
      method: textField(fields, 'method') ?? 'unknown',
      keyType,
      fingerprint: textField(fields, 'fingerprint'),
      signatureAlgorithm: signatureAlgorithm ?? keyType,
      caSignatureAlgorithm: caSignatureAlgorithmOf(fields['certificate']),
    };
    this.#sightings.add({ user, ...exchange, ...login }, textField(fields, 'time') ?? '');
  }
}

function caSignatureAlgorithmOf(certificate: unknown): string | null {
  if (typeof certificate !== 'object' || certificate === null) return null;
  return textField(certificate as LogFields, 'caSignatureAlgorithm');
}
