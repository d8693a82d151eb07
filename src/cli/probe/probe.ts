import type { KexAlgorithm } from '../../crypto/algorithms/algorithm-table.ts';
import {
  CIPHER_ALGORITHMS,
  HOST_KEY_ALGORITHMS,
  KEX_ALGORITHMS,
  KEX_BY_NAME,
  MAC_ALGORITHMS,
} from '../../crypto/algorithms/algorithm-table.ts';
import { prepareKexMethods } from '../../crypto/kex/kex-constructors.ts';
import type { AlgorithmLists } from '../../negotiation/algorithm-lists.ts';
import type { KexInit } from '../../negotiation/kexinit.ts';
import { announcesStrictKex, methodsOf } from '../../negotiation/signals.ts';
import type { Handshake } from './handshake.ts';
import { ConnectionRefused, handshake } from './handshake.ts';
import { readServerOffer } from './server-kexinit.ts';

export interface MethodResult {
  readonly method: string;
  readonly family: KexAlgorithm['family'] | 'unknown';
  /**
   * `not-implemented`: the server offers it, this build cannot try it. `refused`: the server took no connection to try it
   * on.
   */
  readonly outcome: 'works' | 'fails' | 'refused' | 'not-implemented';
  readonly error: string | null;
  readonly milliseconds: number | null;
  readonly bytesSent: number | null;
  readonly bytesReceived: number | null;
}

export interface ProbeReport {
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly offer: KexInit;
  readonly methods: readonly MethodResult[];
  readonly hostKeys: readonly {
    readonly algorithm: string;
    readonly type: string;
    readonly bits: number;
    readonly fingerprint: string;
  }[];
  readonly strictKex: boolean;
  /**
   * A client that prefers a classical method gets a post-quantum one all the same. null: not to be found out, since not
   * both kinds work, or since the server took no connection to try it on.
   */
  readonly insists: boolean | null;
  readonly verdict: string;
}

const ALL: AlgorithmLists = {
  kex: KEX_ALGORITHMS.map((row) => row.name),
  hostKeys: HOST_KEY_ALGORITHMS.map((row) => row.name),
  ciphers: CIPHER_ALGORITHMS.map((row) => row.name),
  macs: MAC_ALGORITHMS.map((row) => row.name),
};

export interface ProbeOptions {
  readonly host: string;
  readonly port: number;
  readonly ourVersion: string;
  readonly timeoutMs: number;
}

/**
 * Asks a server what it offers, then completes a key exchange with every method that both have. Each of them also fetches
 * one more host key, so that the server sees few connections: many servers slow down who comes often.
 */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const { host, port, ourVersion, timeoutMs } = options;
  const { version, kexInit } = await readServerOffer(host, port, ourVersion, timeoutMs);
  await prepareKexMethods(kexInit.kex);
  const hostKeys = new Map<string, ProbeReport['hostKeys'][number]>();
  const note = (done: Handshake): void => {
    const { type, bits, fingerprint } = done.info.hostKey;
    const algorithm = done.info.negotiated.hostKey;
    hostKeys.set(algorithm, { algorithm, type, bits, fingerprint });
  };
  const wanted = kexInit.hostKeys.filter((name) => ALL.hostKeys.includes(name));
  const methods: MethodResult[] = [];
  for (const name of new Set(methodsOf(kexInit.kex))) {
    methods.push(await tryMethod(name, wanted.shift(), options, note));
  }
  const anyKex = methods.find((result) => result.outcome === 'works')?.method;
  for (const algorithm of anyKex === undefined ? [] : wanted) {
    // What cannot be fetched is listed in the offer all the same.
    await attempt(anyKex ?? '', algorithm, options).then(note, () => undefined);
  }
  const insists = await tryOrder(methods, options);
  return {
    host,
    port,
    version,
    offer: kexInit,
    methods,
    hostKeys: kexInit.hostKeys.map((name) => hostKeys.get(name)).filter((key) => key !== undefined),
    strictKex: announcesStrictKex(kexInit, 'server'),
    insists,
    verdict: verdictOn(methods, insists),
  };
}

/** Whether a client that lists a classical method first, and a post-quantum one after it, gets the latter. */
async function tryOrder(methods: readonly MethodResult[], options: ProbeOptions): Promise<boolean | null> {
  const works = methods.filter(({ outcome }) => outcome === 'works');
  const classical = works.find(({ family }) => family === 'classical')?.method;
  const postQuantum = works.find(({ family }) => family === 'pq-hybrid')?.method;
  if (classical === undefined || postQuantum === undefined) return null;
  const { host, port, ourVersion, timeoutMs } = options;
  const algorithms = { ...ALL, kex: [classical, postQuantum] };
  return handshake(host, port, ourVersion, algorithms, timeoutMs).then(
    ({ info }) => info.negotiated.kex === postQuantum,
    () => null,
  );
}

/** One handshake with this method and, where it is given, this host key algorithm before all others. */
function attempt(kex: string, hostKey: string | undefined, options: ProbeOptions): Promise<Handshake> {
  const { host, port, ourVersion, timeoutMs } = options;
  const others = ALL.hostKeys.filter((name) => name !== hostKey);
  const algorithms = { ...ALL, kex: [kex], hostKeys: hostKey === undefined ? others : [hostKey, ...others] };
  return handshake(host, port, ourVersion, algorithms, timeoutMs);
}

async function tryMethod(
  name: string,
  hostKey: string | undefined,
  options: ProbeOptions,
  note: (done: Handshake) => void,
): Promise<MethodResult> {
  const facts = KEX_BY_NAME.get(name);
  const nothing = { method: name, error: null, milliseconds: null, bytesSent: null, bytesReceived: null };
  if (facts === undefined) return { ...nothing, family: 'unknown', outcome: 'not-implemented' };
  const { family } = facts;
  try {
    const done = await attempt(name, hostKey, options).catch((error: unknown) => {
      if (hostKey === undefined || error instanceof ConnectionRefused) throw error;
      // It may have been the host key: once more, with whichever the server likes.
      return attempt(name, undefined, options);
    });
    note(done);
    const { milliseconds, bytesSent, bytesReceived } = done;
    return { ...nothing, family, outcome: 'works', milliseconds, bytesSent, bytesReceived };
  } catch (error) {
    const outcome = error instanceof ConnectionRefused ? 'refused' : 'fails';
    return { ...nothing, family, outcome, error: error instanceof Error ? error.message : String(error) };
  }
}

function verdictOn(methods: readonly MethodResult[], insists: boolean | null): string {
  const working = methods.filter((result) => result.outcome === 'works');
  const pq = working.filter((result) => result.family === 'pq-hybrid');
  const brokenPq = methods.filter((result) => result.outcome === 'fails' && result.family === 'pq-hybrid');
  const broken =
    brokenPq.length === 0 ? '' : `; offered but broken: ${brokenPq.map((result) => result.method).join(', ')}`;
  const untried = methods.filter((result) => result.outcome === 'refused' && result.family === 'pq-hybrid');
  if (pq.length === 0 && untried.length > 0) {
    return `unknown: the server accepted no connection to try ${untried.map((result) => result.method).join(', ')} on`;
  }
  if (pq.length === 0) return `NOT quantum-safe: no post-quantum key exchange works${broken}`;
  const first = methods[0];
  const order = first?.family === 'pq-hybrid' ? 'first in its list' : 'but lists a classical method first';
  const classical = working.some((result) => result.family === 'classical')
    ? 'classical clients are still let in'
    : 'classical clients are refused';
  const insistence =
    insists === null
      ? ''
      : insists
        ? '; insists on it with clients that prefer a classical method'
        : '; a client that prefers a classical method gets it';
  return `quantum-safe: offers ${pq.length} working post-quantum ${pq.length === 1 ? 'method' : 'methods'} ${order}; ${classical}${insistence}${broken}`;
}
