import { CIPHER_BY_NAME } from '../crypto/algorithms/algorithm-table.ts';
import type { KexInit } from './kexinit.ts';
import { announcesStrictKex, methodsOf } from './signals.ts';

/** A list of a KEXINIT from which one name is chosen. */
export type NegotiatedList = Exclude<keyof KexInit, 'firstKexPacketFollows'>;

interface ChosenStep {
  readonly outcome: 'chosen';
  readonly list: NegotiatedList;
  readonly name: string;
  /** What the client lists before it. The server has none of these. */
  readonly passedOver: readonly string[];
  /** What the server lists before it and the client has too: the client's order decides. */
  readonly overruled: readonly string[];
}

interface MootStep {
  readonly outcome: 'moot';
  readonly list: 'macsClientToServer' | 'macsServerToClient';
  /** The cipher of the same direction. It authenticates by itself, so no MAC is chosen. */
  readonly cipher: string;
}

export interface NoMatchStep {
  readonly outcome: 'no-match';
  readonly list: NegotiatedList;
  /** What the two sides list, without signals. */
  readonly client: readonly string[];
  readonly server: readonly string[];
}

/** One list's turn, with what a reason for its outcome needs. */
export type NegotiationStep = ChosenStep | MootStep | NoMatchStep;

export interface NegotiatedAlgorithms {
  readonly kex: string;
  readonly hostKey: string;
  readonly cipherClientToServer: string;
  readonly cipherServerToClient: string;
  /** null where the cipher is an AEAD: its own tag serves. */
  readonly macClientToServer: string | null;
  readonly macServerToClient: string | null;
}

/** Where a guessed first packet would be wrong (RFC 4253 §7). It is right where `wrongIn` is empty, whoever sent it. */
export interface Guess {
  readonly wrongIn: readonly ('kex' | 'hostKeys')[];
}

interface Compared {
  /** In the order of the wire. After a step without a match there is none. */
  readonly steps: readonly NegotiationStep[];
  readonly guess: Guess;
  /** Both sides announce strict key exchange. It is for the caller to know that only a first KEXINIT counts. */
  readonly strictKex: boolean;
}

export type Agreed = Compared & { readonly outcome: 'agreed'; readonly algorithms: NegotiatedAlgorithms };

/** The connection ends with reason 3 (key exchange failed). */
export type Refused = Compared & { readonly outcome: 'refused'; readonly failed: NoMatchStep };

export type Negotiation = Agreed | Refused;

/**
 * The negotiation of RFC 4253 §7.1: in each list the client's first name that the server has too. Signals are no names.
 *
 * The RFC ties a key exchange method to host keys that encrypt or sign. Every method of this build needs one that signs,
 * and every host key algorithm signs: so the rule comes down to a common host key algorithm, and the step of that list
 * says so. Pure; the lists may be a stranger's.
 */
export function negotiate(client: KexInit, server: KexInit): Negotiation {
  const steps: NegotiationStep[] = [];
  const hasFailed = (): boolean => steps.at(-1)?.outcome === 'no-match';
  const choose = (list: NegotiatedList): string => {
    if (hasFailed()) return '';
    const step = firstCommon(list, client, server);
    steps.push(step);
    return step.outcome === 'chosen' ? step.name : '';
  };
  const chooseMac = (list: MootStep['list'], cipher: string): string | null => {
    if (CIPHER_BY_NAME.get(cipher)?.aead !== true) return choose(list);
    if (!hasFailed()) steps.push({ outcome: 'moot', list, cipher });
    return null;
  };

  const kex = choose('kex');
  const hostKey = choose('hostKeys');
  const cipherClientToServer = choose('ciphersClientToServer');
  const cipherServerToClient = choose('ciphersServerToClient');
  const macClientToServer = chooseMac('macsClientToServer', cipherClientToServer);
  const macServerToClient = chooseMac('macsServerToClient', cipherServerToClient);
  choose('compressionClientToServer');
  choose('compressionServerToClient');

  const compared = { steps, guess: compareGuess(client, server), strictKex: bothAreStrict(client, server) };
  const last = steps.at(-1);
  if (last?.outcome === 'no-match') return { ...compared, outcome: 'refused', failed: last };
  const algorithms = {
    kex,
    hostKey,
    cipherClientToServer,
    cipherServerToClient,
    macClientToServer,
    macServerToClient,
  };
  return { ...compared, outcome: 'agreed', algorithms };
}

function firstCommon(list: NegotiatedList, clientInit: KexInit, serverInit: KexInit): ChosenStep | NoMatchStep {
  const client = list === 'kex' ? methodsOf(clientInit.kex) : clientInit[list];
  const server = list === 'kex' ? methodsOf(serverInit.kex) : serverInit[list];
  const rank = client.findIndex((name) => server.includes(name));
  const name = client[rank];
  if (name === undefined) return { outcome: 'no-match', list, client, server };
  return {
    outcome: 'chosen',
    list,
    name,
    passedOver: client.slice(0, rank),
    overruled: server.slice(0, server.indexOf(name)).filter((preferred) => client.includes(preferred)),
  };
}

/** RFC 4253 §7: a guess is right where both sides' first key exchange method and first host key algorithm agree. */
function compareGuess(client: KexInit, server: KexInit): Guess {
  return { wrongIn: (['kex', 'hostKeys'] as const).filter((list) => client[list][0] !== server[list][0]) };
}

function bothAreStrict(client: KexInit, server: KexInit): boolean {
  return announcesStrictKex(client, 'client') && announcesStrictKex(server, 'server');
}
