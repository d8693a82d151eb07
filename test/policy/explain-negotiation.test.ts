import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  CIPHER_ALGORITHMS,
  HOST_KEY_ALGORITHMS,
  KEX_ALGORITHMS,
  MAC_ALGORITHMS,
} from '../../src/crypto/algorithms/algorithm-table.ts';
import type { KexInit } from '../../src/negotiation/kexinit.ts';
import { negotiate, type NegotiatedList } from '../../src/negotiation/negotiate.ts';
import { CLIENT_PRESETS, findClientPreset } from '../../src/policy/client-presets.ts';
import { explainNegotiation, explainUnder } from '../../src/policy/explain-negotiation.ts';
import { insistedMethods, listsUnder, type PostQuantumSetting } from '../../src/policy/post-quantum-setting.ts';
import { serverOffer } from '../../src/policy/server-offer.ts';
import { builtIn } from './policy-files.ts';

const policy = (name: string) => serverOffer(builtIn.require(name, 'test', '$').algorithms);
const DEFAULT = policy('TransferPQSecurityPolicy-2026-11');
const preset = (name: string) => findClientPreset(name)!.offer;
const withKex = (...kex: string[]): KexInit => ({ ...DEFAULT, kex });

/** What the transport makes of the two offers: the choices, or the list that has no match. */
function whatTheTransportDoes(client: KexInit, server: KexInit): unknown {
  const negotiation = negotiate(client, server);
  return negotiation.outcome === 'agreed' ? negotiation.algorithms : negotiation.failed.list;
}

function whatWasExplained(client: KexInit, server: KexInit): unknown {
  const { outcome, steps } = explainNegotiation(server, client);
  if (outcome === 'refused') return steps.at(-1)?.list;
  const chosen = (list: NegotiatedList) => steps.find((step) => step.list === list)?.chosen;
  return {
    kex: chosen('kex'),
    hostKey: chosen('hostKeys'),
    cipherClientToServer: chosen('ciphersClientToServer'),
    cipherServerToClient: chosen('ciphersServerToClient'),
    macClientToServer: chosen('macsClientToServer'),
    macServerToClient: chosen('macsServerToClient'),
  };
}

describe('explainNegotiation predicts what the transport does', () => {
  test.each(CLIENT_PRESETS.map(({ name }) => name))('for %s with every policy', (name) => {
    for (const each of builtIn.all) {
      const server = serverOffer(each.algorithms);
      expect(whatWasExplained(preset(name), server)).toEqual(whatTheTransportDoes(preset(name), server));
    }
  });

  test('for any two offers', () => {
    const some = (rows: readonly { readonly name: string }[]) =>
      fc.shuffledSubarray(
        rows.map(({ name }) => name),
        { minLength: 0 },
      );
    const offer = fc.record({
      kex: some(KEX_ALGORITHMS),
      hostKeys: some(HOST_KEY_ALGORITHMS),
      ciphersClientToServer: some(CIPHER_ALGORITHMS),
      ciphersServerToClient: some(CIPHER_ALGORITHMS),
      macsClientToServer: some(MAC_ALGORITHMS),
      macsServerToClient: some(MAC_ALGORITHMS),
      compressionClientToServer: fc.shuffledSubarray(['none', 'zlib'], { minLength: 1 }),
      compressionServerToClient: fc.constant(['none']),
      firstKexPacketFollows: fc.boolean(),
    });
    fc.assert(
      fc.property(offer, offer, (client, server) => {
        expect(whatWasExplained(client, server)).toEqual(whatTheTransportDoes(client, server));
        const { guess } = explainNegotiation(server, client);
        expect(guess.right).toBe(client.firstKexPacketFollows && negotiate(client, server).guess.wrongIn.length === 0);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the reasons', () => {
  test("name the client's order where it overrules the server's", () => {
    const [kex] = explainNegotiation(DEFAULT, preset('putty-0.85')).steps;
    expect(kex?.chosen).toBe('sntrup761x25519-sha512');
    expect(kex?.why).toContain("the client's first choice");
    expect(kex?.why).toContain('the server would prefer mlkem768x25519-sha256');
  });

  test('name what the client would rather have', () => {
    const [kex] = explainNegotiation(policy('TransferSecurityPolicy-2025-03'), preset('openssh-9.2')).steps;
    expect(kex?.why).toContain(
      'before it the client lists sntrup761x25519-sha512 and sntrup761x25519-sha512@openssh.com',
    );
  });

  test('an AEAD makes the MAC moot', () => {
    const { steps } = explainNegotiation(DEFAULT, {
      ...preset('openssh-10'),
      macsClientToServer: [],
      macsServerToClient: [],
    });
    expect(steps.filter(({ list }) => list.startsWith('macs')).map(({ ok, chosen }) => [ok, chosen])).toEqual([
      [true, null],
      [true, null],
    ]);
  });

  test('a refusal names both lists and ends there', () => {
    const { outcome, steps, pq } = explainNegotiation(
      policy('TransferPQSecurityPolicy-Required-2026-11'),
      withKex('curve25519-sha256'),
    );
    expect(outcome).toBe('refused');
    expect(steps).toHaveLength(1);
    expect(steps[0]?.why).toMatch(/the client lists curve25519-sha256, the server mlkem768x25519-sha256/);
    expect(pq.result).toBeNull();
  });

  test('a wrong guess and strict key exchange are told', () => {
    const dropbear = explainNegotiation(DEFAULT, preset('dropbear'));
    expect(dropbear.guess).toMatchObject({ sent: true, right: false });
    expect(dropbear.guess.why).toContain('first key exchange method');
    expect(dropbear.strictKex).toBe(true);
    expect(explainNegotiation(DEFAULT, preset('wolfssh-1.5')).strictKex).toBe(false);
    const right = { ...DEFAULT, kex: DEFAULT.kex.slice(0, 1), firstKexPacketFollows: true };
    expect(explainNegotiation(DEFAULT, right).guess).toMatchObject({ sent: true, right: true });
  });
});

describe('the setting of the server', () => {
  const lists = builtIn.require('TransferPQSecurityPolicy-2026-11', 'test', '$').algorithms;
  const kexOf = (setting: PostQuantumSetting, name: string) => {
    const { steps, insistedOver, outcome } = explainUnder(setting, lists, preset(name));
    return outcome === 'refused' ? outcome : [steps[0]?.chosen, insistedOver];
  };

  test.each<[preset: string, offer: unknown, insist: unknown, require: unknown]>([
    [
      'oqs-openssh',
      ['curve25519-sha256', null],
      ['ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org', 'curve25519-sha256'],
      ['ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org', 'curve25519-sha256'],
    ],
    ['openssh-10', ...same(['mlkem768x25519-sha256', null])],
    ['paramiko', ['curve25519-sha256@libssh.org', null], ['curve25519-sha256@libssh.org', null], 'refused'],
  ])('%s', (name, offer, insist, require) => {
    expect([kexOf('offer', name), kexOf('insist', name), kexOf('require', name)]).toEqual([offer, insist, require]);
  });

  test('insists only where that changes something', () => {
    const classical = builtIn.require('TransferSecurityPolicy-2018-11', 'test', '$').algorithms;
    const required = builtIn.require('TransferPQSecurityPolicy-Required-2026-11', 'test', '$').algorithms;
    expect(insistedMethods('insist', classical)).toEqual([]);
    expect(insistedMethods('insist', required)).toEqual([]);
    expect(insistedMethods('insist', lists)).toEqual(required.kex);
    expect(insistedMethods('offer', lists)).toEqual([]);
    expect(insistedMethods('require', lists)).toEqual([]);
    expect(listsUnder('require', lists).kex).toEqual(required.kex);
    expect(listsUnder('require', classical).kex).toEqual([]);
  });
});

function same<T>(each: T): [T, T, T] {
  return [each, each, each];
}

describe('what post-quantum would take', () => {
  test('nothing, where it is', () => {
    const { pq } = explainNegotiation(DEFAULT, preset('openssh-10'));
    expect(pq).toEqual({
      result: 'pq-hybrid',
      summary: 'quantum-safe: ML-KEM-768 (NIST category 3) with X25519 (128 bits)',
      clientChanges: [],
      serverChanges: [],
    });
  });

  test('another order at the client, where both have it', () => {
    const { pq } = explainNegotiation(DEFAULT, preset('oqs-openssh'));
    expect(pq.result).toBe('classical');
    expect(pq.clientChanges).toEqual([
      'list mlkem768x25519-sha256 before curve25519-sha256 (OpenSSH: KexAlgorithms ^mlkem768x25519-sha256)',
    ]);
    expect(pq.serverChanges[0]).toContain('"postQuantum": "insist"');
    expect(pq.serverChanges[1]).toContain('TransferPQSecurityPolicy-Required-2026-11');
  });

  test('a newer client, where it has none', () => {
    const { pq } = explainNegotiation(DEFAULT, preset('paramiko'));
    expect(pq.summary).toContain('the client offers no post-quantum method');
    expect(pq.clientChanges[0]).toContain('OpenSSH 9.9');
    expect(pq.serverChanges).toEqual([]);
  });

  test('another policy, where only the client has one', () => {
    const { pq } = explainNegotiation(policy('TransferSecurityPolicy-2018-11'), preset('openssh-9.2'));
    expect(pq.clientChanges).toEqual([]);
    expect(pq.serverChanges[0]).toContain('put sntrup761x25519-sha512 first in SshKexs');
  });

  test('either end, where both have hybrids but no common one', () => {
    const { pq } = explainNegotiation(policy('TransferSecurityPolicy-2025-03'), preset('openssh-9.2'));
    expect(pq.clientChanges).toEqual([
      'offer one of mlkem768x25519-sha256, mlkem768nistp256-sha256 and mlkem1024nistp384-sha384',
    ]);
    expect(pq.serverChanges[0]).toContain('sntrup761x25519-sha512');
  });

  test('an honest word, where we know none of what the client offers', () => {
    const { pq } = explainNegotiation(DEFAULT, withKex('frodokem-640-aes-sha256', 'curve25519-sha256'));
    expect(pq.summary).toContain('frodokem-640-aes-sha256');
    expect(pq.serverChanges[0]).toContain('this build implements none');
  });

  test('ML-KEM, where Kyber was chosen', () => {
    const { pq } = explainNegotiation(policy('TransferSecurityPolicy-2024-01'), preset('wolfssh-1.4'));
    expect(pq.result).toBe('pq-hybrid');
    expect(pq.clientChanges[0]).toContain('ML-KEM');
    expect(pq.serverChanges[0]).toContain('mlkem768x25519-sha256');
  });
});
