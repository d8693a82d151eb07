import { describe, expect, test } from '@jest/globals';
import { insistOn } from '../../src/negotiation/insist.ts';

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
