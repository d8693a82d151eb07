import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CIPHER_ALGORITHMS, KEX_ALGORITHMS, MAC_ALGORITHMS } from '../../src/crypto/algorithms/algorithm-table.ts';
import type { KexInit } from '../../src/negotiation/kexinit.ts';
import { negotiate, type NegotiatedList } from '../../src/negotiation/negotiate.ts';

const AEAD = 'aes256-gcm@openssh.com';
const STRICT = { client: 'kex-strict-c-v00@openssh.com', server: 'kex-strict-s-v00@openssh.com' };

const server: KexInit = {
  kex: ['k1', 'k2', 'k3'],
  hostKeys: ['h1', 'h2'],
  ciphersClientToServer: ['c1', 'c2', AEAD],
  ciphersServerToClient: ['c1', 'c2', AEAD],
  macsClientToServer: ['m1', 'm2'],
  macsServerToClient: ['m1', 'm2'],
  compressionClientToServer: ['none'],
  compressionServerToClient: ['none'],
  firstKexPacketFollows: false,
};
const step = (client: KexInit, list: NegotiatedList, of: KexInit = server) =>
  negotiate(client, of).steps.find((each) => each.list === list);

describe('RFC 4253 §7.1', () => {
  test("the client's first name that the server has too is chosen, in every list", () => {
    const client = {
      ...server,
      kex: ['x', 'k3', 'k1'],
      hostKeys: ['h2', 'h1'],
      ciphersClientToServer: ['y', 'c2', 'c1'],
      macsServerToClient: ['m2', 'm1'],
    };
    expect(negotiate(client, server)).toMatchObject({
      outcome: 'agreed',
      algorithms: {
        kex: 'k3',
        hostKey: 'h2',
        cipherClientToServer: 'c2',
        cipherServerToClient: 'c1',
        macClientToServer: 'm1',
        macServerToClient: 'm2',
      },
    });
  });

  test('the reason: what the client passes over, and what the server would prefer', () => {
    expect(step({ ...server, kex: ['x', 'k3', 'y', 'k1'] }, 'kex')).toEqual({
      outcome: 'chosen',
      list: 'kex',
      name: 'k3',
      passedOver: ['x'],
      overruled: ['k1'],
    });
    expect(step(server, 'kex')).toMatchObject({ name: 'k1', passedOver: [], overruled: [] });
  });

  test('the steps stand in the order of the wire', () => {
    const { steps } = negotiate(server, server);
    expect(steps.map(({ list }) => list)).toEqual(Object.keys(server).filter((key) => key !== 'firstKexPacketFollows'));
  });

  test('an AEAD makes the MAC of its direction moot, even where no MAC is common', () => {
    const client = { ...server, ciphersClientToServer: [AEAD], macsClientToServer: ['other'] };
    expect(step(client, 'macsClientToServer')).toEqual({ outcome: 'moot', list: 'macsClientToServer', cipher: AEAD });
    expect(negotiate(client, server)).toMatchObject({
      outcome: 'agreed',
      algorithms: { macClientToServer: null, macServerToClient: 'm1' },
    });
  });

  test('no method without a common host key algorithm: that list is the one that is named', () => {
    expect(negotiate({ ...server, hostKeys: ['other'] }, server)).toMatchObject({
      outcome: 'refused',
      failed: { list: 'hostKeys', client: ['other'], server: ['h1', 'h2'] },
    });
  });

  test.each<NegotiatedList>([
    'kex',
    'hostKeys',
    'ciphersClientToServer',
    'ciphersServerToClient',
    'macsClientToServer',
    'macsServerToClient',
    'compressionClientToServer',
    'compressionServerToClient',
  ])('%s without a match refuses, and no step follows', (list) => {
    for (const names of [['nothing'], []]) {
      const negotiation = negotiate({ ...server, [list]: names }, server);
      expect(negotiation).toMatchObject({ outcome: 'refused', failed: { outcome: 'no-match', list, client: names } });
      expect(negotiation.steps.at(-1)?.list).toBe(list);
    }
  });

  test('of several lists without a match the first is named', () => {
    const client = { ...server, hostKeys: [], ciphersServerToClient: [], compressionClientToServer: [] };
    expect(negotiate(client, server)).toMatchObject({ outcome: 'refused', failed: { list: 'hostKeys' } });
  });

  test('both sides without any method', () => {
    expect(negotiate({ ...server, kex: [] }, { ...server, kex: [] }).outcome).toBe('refused');
  });
});

describe('a guess (RFC 4253 §7)', () => {
  test.each<[what: string, changes: Partial<KexInit>, wrongIn: string[]]>([
    ['both first names agree', {}, []],
    ['only later names differ', { kex: ['k1', 'x'], hostKeys: ['h1'] }, []],
    ['another first method', { kex: ['k2', 'k1'] }, ['kex']],
    ['another first host key algorithm', { hostKeys: ['h2', 'h1'] }, ['hostKeys']],
    ['both', { kex: ['x', 'k1'], hostKeys: ['x', 'h1'] }, ['kex', 'hostKeys']],
    // What is chosen does not matter, only what stands first.
    ['a first method that the server does not have', { kex: ['x', 'k1'] }, ['kex']],
    ['other ciphers do not matter', { ciphersClientToServer: ['c2'] }, []],
  ])('%s', (_what, changes, wrongIn) => {
    expect(negotiate({ ...server, ...changes }, server).guess).toEqual({ wrongIn });
  });
});

describe('signals', () => {
  test('are never chosen, though both sides list the same', () => {
    const all = [STRICT.server, STRICT.client, 'ext-info-c', 'ext-info-s', 'kexguess2@matt.ucc.asn.au'];
    expect(negotiate({ ...server, kex: all }, { ...server, kex: all })).toMatchObject({
      outcome: 'refused',
      failed: { list: 'kex', client: [], server: [] },
    });
    expect(step({ ...server, kex: [...all, 'k2'] }, 'kex', { ...server, kex: [...all, 'k1', 'k2'] })).toEqual({
      outcome: 'chosen',
      list: 'kex',
      name: 'k2',
      passedOver: [],
      overruled: [],
    });
  });

  test.each([
    ['both announce it', [STRICT.client], [STRICT.server], true],
    ['only the client', [STRICT.client], [], false],
    ['only the server', [], [STRICT.server], false],
    ["the other side's name does not count", [STRICT.server], [STRICT.server], false],
  ])('strict key exchange: %s', (_what, clients, servers, strictKex) => {
    const of = { ...server, kex: [...server.kex, ...servers] };
    expect(negotiate({ ...server, kex: [...server.kex, ...clients] }, of).strictKex).toBe(strictKex);
  });
});

/** The rule once more, as short as can be: what it makes of two offers. */
function byTheBook(client: KexInit, of: KexInit): unknown {
  const first = (list: NegotiatedList) =>
    client[list].find((name) => !/^(ext-info|kex-strict)-/.test(name) && of[list].includes(name));
  const isAead = (name: string | undefined) => name !== undefined && /gcm|poly1305/.test(name);
  const macless = (list: NegotiatedList) =>
    (list === 'macsClientToServer' && isAead(first('ciphersClientToServer'))) ||
    (list === 'macsServerToClient' && isAead(first('ciphersServerToClient')));
  const lists = Object.keys(client).filter((key): key is NegotiatedList => key !== 'firstKexPacketFollows');
  const failed = lists.find((list) => first(list) === undefined && !macless(list));
  if (failed !== undefined) return failed;
  const mac = (list: NegotiatedList) => (macless(list) ? null : first(list));
  return {
    kex: first('kex'),
    hostKey: first('hostKeys'),
    cipherClientToServer: first('ciphersClientToServer'),
    cipherServerToClient: first('ciphersServerToClient'),
    macClientToServer: mac('macsClientToServer'),
    macServerToClient: mac('macsServerToClient'),
  };
}

test('any two offers come out as the rule says', () => {
  const some = (names: readonly string[]) => fc.shuffledSubarray([...names]);
  const names = (rows: readonly { readonly name: string }[]) => rows.map(({ name }) => name);
  const offer: fc.Arbitrary<KexInit> = fc.record({
    kex: some([...names(KEX_ALGORITHMS).slice(0, 6), STRICT.client, STRICT.server, 'ext-info-c']),
    hostKeys: some(['h1', 'h2', 'h3', 'h4']),
    ciphersClientToServer: some(names(CIPHER_ALGORITHMS)),
    ciphersServerToClient: some(names(CIPHER_ALGORITHMS)),
    macsClientToServer: some(names(MAC_ALGORITHMS)),
    macsServerToClient: some(names(MAC_ALGORITHMS)),
    compressionClientToServer: fc.shuffledSubarray(['none', 'zlib'], { minLength: 1 }),
    compressionServerToClient: fc.constant(['none']),
    firstKexPacketFollows: fc.boolean(),
  });
  fc.assert(
    fc.property(offer, offer, (client, of) => {
      const negotiation = negotiate(client, of);
      const came = negotiation.outcome === 'agreed' ? negotiation.algorithms : negotiation.failed.list;
      expect(came).toEqual(byTheBook(client, of));
    }),
    { numRuns: 500 },
  );
});
