import { KEX_BY_NAME } from '../crypto/algorithms/algorithm-table.ts';
import type { AlgorithmLists } from '../negotiation/algorithm-lists.ts';
import type { KexInit } from '../negotiation/kexinit.ts';
import { negotiate, type Guess, type NegotiatedList, type NegotiationStep } from '../negotiation/negotiate.ts';
import { inWords } from './in-words.ts';
import { insistedOver, listsFor, type PostQuantumSetting } from './post-quantum-setting.ts';
import { explainPq, type PqExplanation } from './pq-advice.ts';
import { serverOffer } from './server-offer.ts';

/** What a list is called in a sentence. */
const LABELS: Readonly<Record<NegotiatedList, string>> = {
  kex: 'key exchange method',
  hostKeys: 'host key algorithm',
  ciphersClientToServer: 'cipher, client to server',
  ciphersServerToClient: 'cipher, server to client',
  macsClientToServer: 'MAC, client to server',
  macsServerToClient: 'MAC, server to client',
  compressionClientToServer: 'compression, client to server',
  compressionServerToClient: 'compression, server to client',
};

/** One list's turn in the negotiation, in words. */
export interface ExplainedStep {
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
  readonly steps: readonly ExplainedStep[];
  /** Whether the client sends a guessed key exchange packet, and whether it is right. */
  readonly guess: { readonly sent: boolean; readonly right: boolean; readonly why: string };
  /** Both sides announce strict key exchange (the answer to Terrapin). */
  readonly strictKex: boolean;
  readonly pq: PqExplanation;
}

/** What a setting of the server makes of the negotiation. */
export interface SettingExplanation extends NegotiationExplanation {
  readonly setting: PostQuantumSetting;
  /** The classical method that all methods of the policy would have come to; null where the setting has changed nothing. */
  readonly insistedOver: string | null;
}

/** What a server with these lists and this setting comes to with a client, whose KEXINIT comes in time. Pure. */
export function explainUnder(setting: PostQuantumSetting, lists: AlgorithmLists, client: KexInit): SettingExplanation {
  const explanation = explainNegotiation(serverOffer(listsFor(setting, lists, client)), client);
  const chosen = explanation.steps.find(({ list }) => list === 'kex')?.chosen ?? null;
  return { ...explanation, setting, insistedOver: insistedOver(chosen, client.kex, lists.kex) };
}

/** Puts into words what the negotiation makes of two KEXINITs, step by step, and what post-quantum would take. Pure. */
export function explainNegotiation(server: KexInit, client: KexInit): NegotiationExplanation {
  const { outcome, steps, guess, strictKex } = negotiate(client, server);
  const explained = steps.map(explainStep);
  return {
    outcome: outcome === 'agreed' ? 'negotiated' : 'refused',
    steps: explained,
    guess: client.firstKexPacketFollows ? explainGuess(guess) : NO_GUESS,
    strictKex,
    pq: explainPq(server.kex, client.kex, explained.find(({ list }) => list === 'kex')?.chosen ?? null),
  };
}

function explainStep(step: NegotiationStep): ExplainedStep {
  const { list } = step;
  const label = LABELS[list];
  switch (step.outcome) {
    case 'chosen':
      return { list, label, chosen: step.name, ok: true, why: whyChosen(step) };
    case 'moot':
      return { list, label, chosen: null, ok: true, why: `${step.cipher} authenticates by itself` };
    case 'no-match': {
      const why = `no match: the client lists ${inWords(step.client)}, the server ${inWords(step.server)}`;
      return { list, label, chosen: null, ok: false, why };
    }
  }
}

function whyChosen({ list, name, passedOver, overruled }: NegotiationStep & { readonly outcome: 'chosen' }): string {
  const because =
    passedOver.length === 0
      ? "the client's first choice, and the server has it"
      : `the client's first name that the server has; before it the client lists ${inWords(passedOver)}`;
  const instead =
    overruled.length === 0 ? '' : `; the server would prefer ${inWords(overruled)}, but the client's order decides`;
  const hostKey = list === 'kex' && KEX_BY_NAME.has(name) ? '; it needs a host key that signs, as all of them do' : '';
  return `${because}${instead}${hostKey}`;
}

const NO_GUESS = { sent: false, right: false, why: 'the client waits for our KEXINIT' } as const;

function explainGuess({ wrongIn }: Guess): NegotiationExplanation['guess'] {
  if (wrongIn.length === 0) {
    return { sent: true, right: true, why: "both sides' first key exchange method and first host key algorithm agree" };
  }
  const what = wrongIn.map((list) => `first ${LABELS[list]}`).join(' and ');
  return {
    sent: true,
    right: false,
    why: `the two sides differ in their ${what}, so the server drops the guessed packet (RFC 4253 §7)`,
  };
}
