import type { KexAlgorithm } from '../../crypto/algorithm-table.ts';
import {
  CIPHER_ALGORITHMS,
  HOST_KEY_ALGORITHMS,
  KEX_ALGORITHMS,
  KEX_BY_NAME,
  MAC_ALGORITHMS,
} from '../../crypto/algorithm-table.ts';
import { prepareKexMethods } from '../../crypto/kex-methods.ts';
import type { KexInit } from '../../transport/kexinit.ts';
import type { TransportAlgorithms } from '../../transport/transport.ts';
import type { Handshake } from './handshake.ts';
import { handshake } from './handshake.ts';
import { readServerOffer } from './server-kexinit.ts';

export interface MethodResult {
  readonly method: string;
  readonly family: KexAlgorithm['family'] | 'unknown';
  /** `not-implemented`: the server offers it, this build cannot try it. */
  readonly outcome: 'works' | 'fails' | 'not-implemented';
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
  readonly verdict: string;
}

const ALL: TransportAlgorithms = {
  kex: KEX_ALGORITHMS.map((row) => row.name),
  hostKeys: HOST_KEY_ALGORITHMS.map((row) => row.name),
  ciphers: CIPHER_ALGORITHMS.map((row) => row.name),
  macs: MAC_ALGORITHMS.map((row) => row.name),
};

const SIGNALS = /^(ext-info-[cs]|kex-strict-[cs]-v00@openssh\.com|kexguess2@matt\.ucc\.asn\.au)$/;

export interface ProbeOptions {
  readonly host: string;
  readonly port: number;
  readonly ourVersion: string;
  readonly timeoutMs: number;
}

/** Asks a server what it offers, then completes a key exchange with every method that both have. */
export async function probe({ host, port, ourVersion, timeoutMs }: ProbeOptions): Promise<ProbeReport> {
  const { version, kexInit } = await readServerOffer(host, port, ourVersion, timeoutMs);
  await prepareKexMethods(kexInit.kex);
  const offered = kexInit.kex.filter((name) => !SIGNALS.test(name));
  const methods: MethodResult[] = [];
  const hostKeys = new Map<string, ProbeReport['hostKeys'][number]>();
  const note = (done: Handshake): void => {
    const { type, bits, fingerprint } = done.info.hostKey;
    const algorithm = done.info.negotiated.hostKey;
    hostKeys.set(algorithm, { algorithm, type, bits, fingerprint });
  };
  for (const name of offered) methods.push(await tryMethod(name, { host, port, ourVersion, timeoutMs }, note));
  const anyKex = methods.find((result) => result.outcome === 'works')?.method;
  for (const algorithm of kexInit.hostKeys) {
    if (anyKex === undefined || hostKeys.has(algorithm) || !ALL.hostKeys.includes(algorithm)) continue;
    // What cannot be fetched is listed in the offer all the same.
    await handshake(host, port, ourVersion, { ...ALL, kex: [anyKex], hostKeys: [algorithm] }, timeoutMs).then(
      note,
      () => undefined,
    );
  }
  return {
    host,
    port,
    version,
    offer: kexInit,
    methods,
    hostKeys: [...hostKeys.values()],
    strictKex: kexInit.kex.includes('kex-strict-s-v00@openssh.com'),
    verdict: verdictOn(methods),
  };
}

async function tryMethod(
  name: string,
  { host, port, ourVersion, timeoutMs }: ProbeOptions,
  note: (done: Handshake) => void,
): Promise<MethodResult> {
  const facts = KEX_BY_NAME.get(name);
  const nothing = { method: name, error: null, milliseconds: null, bytesSent: null, bytesReceived: null };
  if (facts === undefined) return { ...nothing, family: 'unknown', outcome: 'not-implemented' };
  try {
    const done = await handshake(host, port, ourVersion, { ...ALL, kex: [name] }, timeoutMs);
    note(done);
    const { milliseconds, bytesSent, bytesReceived } = done;
    return { ...nothing, family: facts.family, outcome: 'works', milliseconds, bytesSent, bytesReceived };
  } catch (error) {
    return {
      ...nothing,
      family: facts.family,
      outcome: 'fails',
      error: error instanceof Error ? error.message : String(error),
    };
  }
}

function verdictOn(methods: readonly MethodResult[]): string {
  const working = methods.filter((result) => result.outcome === 'works');
  const pq = working.filter((result) => result.family === 'pq-hybrid');
  const brokenPq = methods.filter((result) => result.outcome === 'fails' && result.family === 'pq-hybrid');
  const broken =
    brokenPq.length === 0 ? '' : `; offered but broken: ${brokenPq.map((result) => result.method).join(', ')}`;
  if (pq.length === 0) return `NOT quantum-safe: no post-quantum key exchange works${broken}`;
  const first = methods[0];
  const order = first?.family === 'pq-hybrid' ? 'first in its list' : 'but lists a classical method first';
  const classical = working.some((result) => result.family === 'classical')
    ? 'classical clients are still let in'
    : 'classical clients are refused';
  return `quantum-safe: offers ${pq.length} working post-quantum ${pq.length === 1 ? 'method' : 'methods'} ${order}; ${classical}${broken}`;
}
