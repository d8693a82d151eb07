import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import { hostKeyFindings } from './host-keys.ts';
import { keyExchangeFindings } from './key-exchange.ts';
import { linkFindings } from './links.ts';
import { sessionFindings } from './sessions.ts';
import { userFindings } from './users.ts';

/** What is quantum-safe and what is not, area by area. Pure. */
export function diagnose(facts: Facts): Finding[] {
  return [
    ...keyExchangeFindings(facts),
    ...hostKeyFindings(facts),
    ...userFindings(facts),
    ...linkFindings(facts),
    ...sessionFindings(facts),
  ];
}
