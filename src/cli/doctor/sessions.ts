import type { RefusedPartner } from '../report/would-be-refused.ts';
import type { LogFacts } from './facts.ts';
import { finding, type Finding } from './finding.ts';

/** Who came classical by what logs tell, and what would help. Pure. */
export function sessionFindings({ log }: { readonly log: LogFacts | null }): Finding[] {
  if (log === null) return [];
  const from = log.files.join(', ');
  if (log.logins === 0) return [finding('sessions.none', `${from}: no login in it.`)];
  const share = `${from}: ${log.postQuantum} of ${log.logins} logins had a post-quantum key exchange`;
  const exchanges = log.partners.filter(({ setting }) => setting === 'requirePostQuantum');
  const keys = log.partners.filter(({ setting }) => setting === 'requirePostQuantumKey');
  const found: Finding[] = [];
  if (exchanges.length > 0) {
    found.push(finding('sessions.classical', `${share}. These did not.`, { about: exchanges.map(inWords) }));
  }
  if (keys.length > 0) {
    found.push(
      finding('sessions.classical-logins', 'These logins were by classical keys or passwords.', {
        about: keys.map(inWords),
      }),
    );
  }
  return found.length > 0 ? found : [finding('sessions.post-quantum', `${share}, and nobody is behind.`)];
}

function inWords({ user, clientVersion, because, logins, lastSeen, advice }: RefusedPartner): string {
  const last = lastSeen === null ? '' : `, last ${lastSeen}`;
  return `${user}, ${clientVersion}: ${because}, ${logins} ${logins === 1 ? 'login' : 'logins'}${last}. ${advice}`;
}
