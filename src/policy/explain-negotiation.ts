import { CIPHER_BY_NAME, KEX_BY_NAME } from '../crypto/algorithms/algorithm-table.ts';
import { inWords } from './in-words.ts';
import { isKexSignal, type OfferedLists } from './offered-lists.ts';
import { explainPq, type PqExplanation } from './pq-advice.ts';

export type NegotiatedList =
  | 'kex'
  | 'hostKeys'
  | 'ciphersClientToServer'
  | 'ciphersServerToClient'
  | 'macsClientToServer'
  | 'macsServerToClient'
  | 'compressionClientToServer'
  | 'compressionServerToClient';

const STEPS: readonly (readonly [list: NegotiatedList, label: string])[] = [
  ['kex', 'key exchange method'],
  ['hostKeys', 'host key algorithm'],
  ['ciphersClientToServer', 'cipher, client to server'],
  ['ciphersServerToClient', 'cipher, server to client'],
  ['macsClientToServer', 'MAC, client to server'],
  ['macsServerToClient', 'MAC, server to client'],
  ['compressionClientToServer', 'compression, client to server'],
  ['compressionServerToClient', 'compression, server to client'],
];

/** One list's turn in the negotiation. */
export interface NegotiationStep {
  readonly list: NegotiatedList;
  /** What the list is called in a sentence. */
  readonly label: string;
  /** What was chosen; null where there is no match, or where an AEAD makes the MAC moot. */
  readonly chosen: string | null;
  /** False: the step ends the connection. */
  readonly ok: boolean;
  readonly why: string;
}

export interface NegotiationExplanation {
  /** `refused`: the server disconnects with reason 3 (key exchange failed) at the first step that is not `ok`. */
  readonly outcome: 'negotiated' | 'refused';
  readonly steps: readonly NegotiationStep[];
  /** Whether the client sends a guessed key exchange packet, and whether it is right. */
  readonly guess: { readonly sent: boolean; readonly right: boolean; readonly why: string };
  /** Both sides announce strict key exchange (the answer to Terrapin). */
  readonly strictKex: boolean;
  readonly pq: PqExplanation;
}

/**
 * Plays the negotiation of RFC 4253 §7.1 on two KEXINITs, step by step, with reasons: in each list the client's first
 * name that the server has too. Every method of this build needs a host key that signs, and every host key algorithm
 * signs, so that no combination is ruled out. Pure.
 */
export function explainNegotiation(server: OfferedLists, client: OfferedLists): NegotiationExplanation {
  const steps: NegotiationStep[] = [];
  const chosen = new Map<NegotiatedList, string | null>();
  for (const [list, label] of STEPS) {
    const step = explainStep(list, label, server, client, chosen);
    steps.push(step);
    chosen.set(list, step.chosen);
    if (!step.ok) break;
  }
  return {
    outcome: steps.every((step) => step.ok) ? 'negotiated' : 'refused',
    steps,
    guess: explainGuess(server, client),
    strictKex:
      client.kex.includes('kex-strict-c-v00@openssh.com') && server.kex.includes('kex-strict-s-v00@openssh.com'),
    pq: explainPq(server.kex, client.kex, chosen.get('kex') ?? null),
  };
}

const CIPHER_OF_MAC = {
  macsClientToServer: 'ciphersClientToServer',
  macsServerToClient: 'ciphersServerToClient',
} as const satisfies Partial<Record<NegotiatedList, NegotiatedList>>;

function explainStep(
  list: NegotiatedList,
  label: string,
  server: OfferedLists,
  client: OfferedLists,
  before: ReadonlyMap<NegotiatedList, string | null>,
): NegotiationStep {
  if (list === 'macsClientToServer' || list === 'macsServerToClient') {
    const cipher = before.get(CIPHER_OF_MAC[list]) ?? '';
    if (CIPHER_BY_NAME.get(cipher)?.aead === true) {
      return { list, label, chosen: null, ok: true, why: `${cipher} authenticates by itself` };
    }
  }
  const theirs = client[list].filter((name) => !isKexSignal(name));
  const ours = server[list].filter((name) => !isKexSignal(name));
  const chosen = theirs.find((name) => ours.includes(name)) ?? null;
  if (chosen === null) {
    return {
      list,
      label,
      chosen,
      ok: false,
      why: `no match: the client lists ${inWords(theirs)}, the server ${inWords(ours)}`,
    };
  }
  return { list, label, chosen, ok: true, why: whyChosen(list, chosen, theirs, ours) };
}

function whyChosen(list: NegotiatedList, chosen: string, theirs: readonly string[], ours: readonly string[]): string {
  const rank = theirs.indexOf(chosen);
  const passedOver = theirs.slice(0, rank);
  const because =
    rank === 0
      ? "the client's first choice, and the server has it"
      : `the client's first name that the server has; before it the client lists ${inWords(passedOver)}`;
  const preferred = ours.slice(0, ours.indexOf(chosen)).filter((name) => theirs.includes(name));
  const overruled =
    preferred.length === 0 ? '' : `; the server would prefer ${inWords(preferred)}, but the client's order decides`;
  const hostKey =
    list === 'kex' && KEX_BY_NAME.has(chosen) ? '; it needs a host key that signs, as all of them do' : '';
  return `${because}${overruled}${hostKey}`;
}

function explainGuess(server: OfferedLists, client: OfferedLists): NegotiationExplanation['guess'] {
  if (!client.firstKexPacketFollows) return { sent: false, right: false, why: 'the client waits for our KEXINIT' };
  const kexRight = client.kex[0] === server.kex[0];
  const hostKeyRight = client.hostKeys[0] === server.hostKeys[0];
  if (kexRight && hostKeyRight) {
    return { sent: true, right: true, why: "both sides' first key exchange method and first host key algorithm agree" };
  }
  const what = [kexRight ? [] : 'first key exchange method', hostKeyRight ? [] : 'first host key algorithm'].flat();
  return {
    sent: true,
    right: false,
    why: `the two sides differ in their ${what.join(' and ')}, so the server drops the guessed packet (RFC 4253 §7)`,
  };
}
