import { KEX_ALGORITHMS, KEX_BY_NAME } from '../crypto/algorithms/algorithm-table.ts';
import { inWords } from './in-words.ts';
import { looksPostQuantum } from './pq-names.ts';

export interface PqExplanation {
  /** What the key exchange comes to; null where none is agreed. */
  readonly result: 'pq-hybrid' | 'classical' | null;
  /** What was found, in one sentence. */
  readonly summary: string;
  /** What the client's side could change to get a post-quantum exchange, or a better one; empty where nothing is to do. */
  readonly clientChanges: readonly string[];
  /** The same for the server's side: changes of the policy or of a setting. */
  readonly serverChanges: readonly string[];
}

/** The methods that an operator would add, best known first. */
const HYBRIDS: readonly string[] = KEX_ALGORITHMS.filter((row) => row.family === 'pq-hybrid').map((row) => row.name);

const CLIENT_UPGRADES =
  'use a client with a hybrid: OpenSSH 9.9 (mlkem768x25519-sha256) or 9.0 (sntrup761x25519-sha512@openssh.com), ' +
  'PuTTY 0.83, WinSCP with ML-KEM, dropbear 2026, wolfSSH 1.5, AsyncSSH 2.24';

/** Why an exchange is post-quantum or not, and what either end would have to change. Pure. */
export function explainPq(
  serverKex: readonly string[],
  clientKex: readonly string[],
  chosen: string | null,
): PqExplanation {
  const clientPq = clientKex.filter(looksPostQuantum);
  const serverPq = serverKex.filter(looksPostQuantum);
  // In the server's order: what it would prefer is what to recommend.
  const common = serverPq.filter((name) => clientPq.includes(name));
  const facts = chosen === null ? undefined : KEX_BY_NAME.get(chosen);

  if (chosen !== null && facts?.family === 'pq-hybrid') {
    const parts = `${facts.pqParameters} (NIST category ${facts.pqCategory}) with ${facts.classical} (${facts.classicalBits} bits)`;
    return {
      result: 'pq-hybrid',
      summary: `quantum-safe: ${parts}`,
      ...betterHybrid(chosen, serverPq, clientPq, common),
    };
  }

  const result = chosen === null ? null : 'classical';
  const [best] = common;
  if (best !== undefined && chosen !== null) {
    return {
      result,
      summary: `not quantum-safe, although both sides have ${inWords(common)}: the client prefers ${chosen}`,
      clientChanges: [`list ${best} before ${chosen} (OpenSSH: KexAlgorithms ^${best})`],
      serverChanges: [
        'insist ("postQuantum": "insist" in the configuration, which is the default)',
        `drop ${chosen} and the other classical methods: TransferPQSecurityPolicy-Required-2026-11 does`,
      ],
    };
  }
  const what = chosen === null ? 'no key exchange method is common' : 'not quantum-safe';
  if (clientPq.length === 0) {
    return {
      result,
      summary: `${what}: the client offers no post-quantum method`,
      clientChanges: [CLIENT_UPGRADES],
      serverChanges: serverPq.length === 0 ? [addToPolicy('mlkem768x25519-sha256')] : [],
    };
  }
  const addable = clientPq.filter((name) => HYBRIDS.includes(name));
  const [first] = addable;
  return {
    result,
    summary: `${what}: the client offers ${inWords(clientPq)}, the policy ${serverPq.length === 0 ? 'no post-quantum method' : inWords(serverPq)}`,
    clientChanges: serverPq.length === 0 ? [] : [`offer one of ${inWords(serverPq)}`],
    serverChanges:
      first === undefined
        ? [`nothing: this build implements none of the client's ${clientPq.length}`]
        : [addToPolicy(first)],
  };
}

/** A hybrid was agreed on, but an old one: what ML-KEM would take. */
function betterHybrid(
  chosen: string,
  serverPq: readonly string[],
  clientPq: readonly string[],
  common: readonly string[],
): Pick<PqExplanation, 'clientChanges' | 'serverChanges'> {
  if (KEX_BY_NAME.get(chosen)?.pq !== 'kyber') return { clientChanges: [], serverChanges: [] };
  const isMlKem = (name: string): boolean => KEX_BY_NAME.get(name)?.pq === 'ml-kem';
  const [both] = common.filter(isMlKem);
  if (both !== undefined) {
    return { clientChanges: [`list ${both}, the standard, before the draft ${chosen}`], serverChanges: [] };
  }
  const [theirs] = clientPq.filter(isMlKem);
  return {
    clientChanges: theirs === undefined ? ['use a version with ML-KEM, the standard that replaced Kyber round 3'] : [],
    serverChanges: serverPq.some(isMlKem) ? [] : [addToPolicy(theirs ?? 'mlkem768x25519-sha256')],
  };
}

function addToPolicy(name: string): string {
  return `put ${name} first in SshKexs, or use TransferPQSecurityPolicy-2026-11, which has every hybrid`;
}
