import type { Duplex } from 'node:stream';
import { duplexPair } from 'node:stream';
import type { PrivateKey, SignatureAlgorithm } from '../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import type { AlgorithmLists } from '../../src/negotiation/algorithm-lists.ts';
import type { SshDisconnect } from '../../src/transport/disconnect.ts';
import type { Insistence, KeyExchangeInfo, RekeyLimits } from '../../src/transport/transport.ts';
import { Transport } from '../../src/transport/transport.ts';

/** One side of a test connection, with what it was told. */
export interface Side {
  /** Where it reads and writes: a test that pauses it plays a peer that does not read. */
  readonly socket: Duplex;
  readonly transport: Transport;
  readonly exchanges: KeyExchangeInfo[];
  readonly messages: Buffer[];
  readonly closed: SshDisconnect[];
}

const hostKeyCache = new Map<string, PrivateKey>();

export function hostKey(type: Parameters<typeof generatePrivateKey>[0]): PrivateKey {
  const known = hostKeyCache.get(type);
  if (known !== undefined) return known;
  const made = parsePrivateKey(generatePrivateKey(type, type === 'rsa' ? 2048 : undefined, 'test').privateKey);
  hostKeyCache.set(type, made);
  return made;
}

export const MODERN: AlgorithmLists = {
  kex: ['curve25519-sha256'],
  hostKeys: ['ssh-ed25519'],
  ciphers: ['aes128-gcm@openssh.com'],
  macs: ['hmac-sha2-256-etm@openssh.com'],
};

export const NO_REKEY: RekeyLimits = { bytes: Number.MAX_SAFE_INTEGER, seconds: 86_400 };

export interface PairOptions {
  readonly server?: Partial<AlgorithmLists>;
  readonly client?: Partial<AlgorithmLists>;
  readonly hostKeys?: readonly PrivateKey[];
  readonly serverRekey?: RekeyLimits;
  readonly clientRekey?: RekeyLimits;
  readonly userKeyAlgorithms?: readonly SignatureAlgorithm[];
  readonly insistence?: Insistence;
  readonly onServerMessage?: (side: Side, payload: Buffer) => void;
}

function makeSide(
  socket: Duplex,
  make: (handler: ConstructorParameters<typeof Transport>[1]['handler']) => Transport,
  onMessage?: (side: Side, payload: Buffer) => void,
): Side {
  const exchanges: KeyExchangeInfo[] = [];
  const messages: Buffer[] = [];
  const closed: SshDisconnect[] = [];
  const transport = make({
    onKeyExchange: (info) => exchanges.push(info),
    onMessage: (_, payload) => {
      messages.push(Buffer.from(payload));
      onMessage?.(side, payload);
    },
    onDrain: () => undefined,
    onClose: (reason) => closed.push(reason),
  });
  const side: Side = { socket, transport, exchanges, messages, closed };
  return side;
}

export function serverSide(socket: Duplex, options: PairOptions = {}): Side {
  return makeSide(
    socket,
    (handler) =>
      new Transport(socket, {
        role: 'server',
        version: 'SSH-2.0-Latticeport_test',
        algorithms: { ...MODERN, ...options.server },
        hostKeys: options.hostKeys ?? [hostKey('ed25519')],
        userKeyAlgorithms: options.userKeyAlgorithms ?? ['ssh-ed25519', 'rsa-sha2-512'],
        rekey: options.serverRekey ?? NO_REKEY,
        insistence: options.insistence,
        handler,
      }),
    options.onServerMessage,
  );
}

export function clientSide(socket: Duplex, options: PairOptions = {}): Side {
  return makeSide(
    socket,
    (handler) =>
      new Transport(socket, {
        role: 'client',
        version: 'SSH-2.0-LatticeportTest_client',
        algorithms: { ...MODERN, ...options.client },
        verifyHostKey: () => true,
        rekey: options.clientRekey ?? NO_REKEY,
        handler,
      }),
  );
}

export function pair(options: PairOptions = {}): { client: Side; server: Side } {
  const [a, b] = duplexPair();
  return { server: serverSide(a, options), client: clientSide(b, options) };
}

/** Waits until `condition` holds; fails after `deadline` milliseconds saying what was waited for. */
export async function until(condition: () => boolean, what: string, deadline = 10_000): Promise<void> {
  const end = performance.now() + deadline;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${deadline} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export async function connected(options: PairOptions = {}): Promise<{ client: Side; server: Side }> {
  const both = pair(options);
  await until(
    () =>
      (both.client.exchanges.length > 0 && both.server.exchanges.length > 0) ||
      both.client.closed.length > 0 ||
      both.server.closed.length > 0,
    'the key exchange is over',
  );
  both.server.transport.peerAuthenticated();
  const failure = both.client.closed[0] ?? both.server.closed[0];
  if (failure !== undefined) throw failure;
  return both;
}
