import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { insistOn } from '../../src/negotiation/insist.ts';
import { type KexInit, kexInitFor } from '../../src/negotiation/kexinit.ts';
import { negotiate } from '../../src/negotiation/negotiate.ts';
import { insistedMethods } from '../../src/policy/post-quantum-setting.ts';
import { builtIn } from '../policy/policy-files.ts';

const WHOLE = {
  kex: ['mlkem768x25519-sha256', 'sntrup761x25519-sha512', 'curve25519-sha256', 'diffie-hellman-group14-sha256'],
  hostKeys: ['ssh-ed25519'],
  ciphers: ['aes128-gcm@openssh.com'],
  macs: ['hmac-sha2-256'],
};
const PQ = WHOLE.kex.slice(0, 2);

describe('insistOn', () => {
  test.each([
    ['last', ['curve25519-sha256', 'sntrup761x25519-sha512']],
    ['first', ['sntrup761x25519-sha512', 'curve25519-sha256']],
    ['alone', ['mlkem768x25519-sha256']],
    ['among signals', ['ext-info-c', 'kex-strict-c-v00@openssh.com', 'mlkem768x25519-sha256']],
  ])('a client that lists a method %s gets these methods only, in the order of the server', (_, kex) => {
    expect(insistOn(PQ, WHOLE, { kex })).toEqual({ ...WHOLE, kex: PQ });
  });

  test.each([
    ['none', ['curve25519-sha256', 'diffie-hellman-group14-sha256']],
    ['one that the server has not', ['curve25519-sha256', 'frodokem-640-aes-sha256']],
    ['nothing at all', []],
  ])('a client that lists %s gets the whole list', (_, kex) => {
    expect(insistOn(PQ, WHOLE, { kex })).toBe(WHOLE);
  });

  test('where there is nothing to insist on the whole list stays', () => {
    expect(insistOn([], WHOLE, { kex: WHOLE.kex })).toBe(WHOLE);
  });
});

describe('captured offers, with the default policy', () => {
  const { algorithms } = builtIn.require('TransferPQSecurityPolicy-2026-11', 'test', '$');
  const insisted = insistedMethods('insist', algorithms);

  test.each([
    ['oqs-openssh-10.3', 'curve25519-sha256', 'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org'],
    ['wolfssh-1.4.20', 'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org', null],
    ['wolfssh-master-1.5.0', 'mlkem768x25519-sha256', null],
  ])('%s: %s, and where it is insisted on a hybrid', (name, whole, otherwise) => {
    const file = new URL(`../vectors/captures/${name}.json`, import.meta.url);
    const client = JSON.parse(readFileSync(file, 'utf8')) as KexInit;
    const chosen = (lists: typeof algorithms): unknown => {
      const negotiation = negotiate(client, kexInitFor(lists, 'server', 'first'));
      return negotiation.outcome === 'agreed' ? negotiation.algorithms.kex : negotiation.failed;
    };
    expect(chosen(algorithms)).toBe(whole);
    expect(chosen(insistOn(insisted, algorithms, client))).toBe(otherwise ?? whole);
  });
});
