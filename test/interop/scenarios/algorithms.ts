// What is negotiated: key exchange methods, host keys, and what must be refused.
import {
  CIPHER_ALGORITHMS,
  HOST_KEY_ALGORITHMS,
  KEX_ALGORITHMS,
  MAC_ALGORITHMS,
} from '../../../src/crypto/algorithms/algorithm-table.ts';
import type { KeyType } from '../identity.ts';
import { KEY_TYPES } from '../identity.ts';
import type { LogEntry } from '../server-harness.ts';
import { expectSame, randomFile } from './files.ts';
import type { Cell, InteropScenario } from './scenario.ts';
import { expect } from './scenario.ts';

const KEXS: readonly string[] = KEX_ALGORITHMS.map(({ name }) => name);

/** The host key algorithms of each key type (RFC 8332 for RSA). */
const HOST_KEY_NAMES: Readonly<Record<KeyType, readonly string[]>> = {
  ed25519: ['ssh-ed25519'],
  'ecdsa-256': ['ecdsa-sha2-nistp256'],
  'ecdsa-384': ['ecdsa-sha2-nistp384'],
  'ecdsa-521': ['ecdsa-sha2-nistp521'],
  'rsa-3072': ['rsa-sha2-512', 'rsa-sha2-256'],
};

const everythingBut = (kexs: readonly string[]) => ({
  policy: {
    kexs,
    ciphers: CIPHER_ALGORITHMS.map(({ name }) => name),
    macs: MAC_ALGORITHMS.map(({ name }) => name),
    hostKeyAlgorithms: HOST_KEY_ALGORITHMS.map(({ name }) => name),
  },
});

/** Every key exchange method that both have; the server offers nothing else, so nothing else can have been used. */
export const keyExchange: InteropScenario = {
  name: 'kex',
  title: 'Key exchange',
  needs: ['put', 'get'],
  variants: (client, offer) => KEXS.filter((name) => offer.kex.includes(name) || client.optionalKex.includes(name)),
  setup: (variant) => ({ name: `kex ${variant}`, options: everythingBut([variant]) }),
  async run(cell) {
    await upAndDown(cell, 100_000, { kex: cell.variant });
    const methods = negotiated(cell).map(({ kex }) => kex.method);
    expect(methods.includes(cell.variant), `negotiated ${methods.join(', ')}`);
  },
};

/** Every type of host key; the server has no other. */
export const hostKey: InteropScenario = {
  name: 'host-key',
  title: 'Host key',
  needs: ['put', 'get'],
  variants: (_client, offer) =>
    KEY_TYPES.filter((type) => HOST_KEY_NAMES[type].some((name) => offer.hostKeys.includes(name))),
  setup: (variant) => ({
    name: `host key ${variant}`,
    options: { hostKeys: KEY_TYPES.filter((type) => type === variant) },
  }),
  async run(cell) {
    const type = KEY_TYPES.find((one) => one === cell.variant);
    expect(type !== undefined && cell.server !== null, 'no such key type');
    await upAndDown(cell, 1000, { hostKey: cell.server.identity.hostKeys[type] });
    const used = negotiated(cell).map(({ kex }) => kex.hostKey);
    expect(
      used.some((name) => HOST_KEY_NAMES[type].includes(name)),
      `the host key was ${used.join(', ')}`,
    );
  },
};

/** A client that was told another host key does not log in. */
export const wrongHostKey: InteropScenario = {
  name: 'wrong-host-key',
  title: 'A host key that the client does not know is refused',
  needs: ['host-key-check'],
  variants: () => [''],
  setup: () => ({ name: 'wrong host key', options: {} }),
  async run(cell) {
    expect(cell.server !== null, 'no server');
    const finished = await cell.run([{ do: 'list', remote: '/' }], { hostKey: cell.server.identity.strangerKey });
    expect(finished.code !== 0, 'the client went on');
    expect(!finished.timedOut, 'the client hung');
    expect(!cell.server.log().some(({ event }) => event === 'auth.success'), 'somebody logged in');
  },
};

/** Nothing in common: both sides say so at once, and the server logs why. */
export const refusedKex: InteropScenario = {
  name: 'refused-kex',
  title: 'No common key exchange method: a clear end',
  needs: [],
  variants: (client, offer) =>
    KEXS.filter((name) => !offer.kex.includes(name) && !client.optionalKex.includes(name)).slice(0, 1),
  setup: (variant) => ({ name: `kex ${variant}`, options: everythingBut([variant]) }),
  async run(cell) {
    expect(cell.server !== null, 'no server');
    const finished = await cell.run([{ do: 'list', remote: '/' }]);
    expect(finished.code !== 0, 'the client went on');
    expect(!finished.timedOut, 'the client hung');
    // Who closes first is the client's choice: it has read our list too.
    const closed = await cell.server.logged(
      (entry) => entry.event === 'session.closed' && entry['clientVersion'] === cell.offer.version,
    );
    expect(closed['reason'] === 3 || closed['byPeer'] === true, `logged: ${JSON.stringify(closed)}`);
    const sessions = cell.server.log().filter(({ sessionId }) => sessionId === closed.sessionId);
    expect(!sessions.some(({ event }) => event === 'session.negotiated'), 'something was negotiated');
  },
};

export async function upAndDown(cell: Cell, bytes: number, login: Parameters<Cell['mustRun']>[1] = {}): Promise<void> {
  const sent = await randomFile(cell.local, 'sent', bytes);
  const got = `${sent}.back`;
  await cell.mustRun(
    [
      { do: 'put', local: sent, remote: cell.remote },
      { do: 'get', remote: cell.remote, local: got },
    ],
    login,
  );
  await expectSame(got, sent);
}

interface Negotiated extends LogEntry {
  readonly kex: { readonly method: string; readonly hostKey: string; readonly clientVersion: string };
}

/** What this client's sessions negotiated, rekeys included. */
export function negotiated(cell: Cell, event = 'session.negotiated'): Negotiated[] {
  const entries = (cell.server?.log() ?? []).filter((entry): entry is Negotiated => entry.event === event);
  return entries.filter(({ kex }) => kex.clientVersion === cell.offer.version);
}
