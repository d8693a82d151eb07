import { expect, test } from '@jest/globals';
import { KEY_TYPES } from '../../../src/crypto/keys/key-registry.ts';
import { KEYGEN_TYPES, keygenCommand } from '../../../src/crypto/keys/keygen-types.ts';

test('the types that share a word after --type are told apart by their sizes', () => {
  expect(
    KEYGEN_TYPES.map(({ option, sizes, hasChoice, defaultBits }) => [option, sizes, hasChoice, defaultBits]),
  ).toEqual([
    ['ed25519', '256', false, 256],
    ['mldsa44-ed25519', '512', false, 512],
    ['ecdsa', '256, 384 or 521', true, 256],
    ['rsa', '2048 to 16384', true, 3072],
    ['mldsa-44', '256', false, 256],
    ['mldsa-65', '256', false, 256],
    ['mldsa-87', '256', false, 256],
  ]);
  const of = (option: string, bits: number) => KEYGEN_TYPES.find((row) => row.option === option)?.generatedWith(bits);
  expect([of('ed25519', 256), of('ecdsa', 384), of('rsa', 2048), of('rsa', 16384)]).toEqual([
    'ed25519',
    'ecdsa-384',
    'rsa',
    'rsa',
  ]);
  expect([of('ed25519', 255), of('ecdsa', 383), of('rsa', 2047), of('rsa', 16385)]).toEqual([null, null, null, null]);
});

test('the command that makes a host key', () => {
  expect(KEY_TYPES.map(keygenCommand)).toEqual([
    'latticeport keygen keys/ssh_host_ed25519_key --type ed25519',
    'latticeport keygen keys/ssh_host_mldsa44_ed25519_key --type mldsa44-ed25519',
    'latticeport keygen keys/ssh_host_ecdsa_key --type ecdsa --bits 256',
    'latticeport keygen keys/ssh_host_ecdsa384_key --type ecdsa --bits 384',
    'latticeport keygen keys/ssh_host_ecdsa521_key --type ecdsa --bits 521',
    'latticeport keygen keys/ssh_host_rsa_key --type rsa --bits 3072',
    'latticeport keygen keys/ssh_host_mldsa44_key --type mldsa-44',
    'latticeport keygen keys/ssh_host_mldsa65_key --type mldsa-65',
    'latticeport keygen keys/ssh_host_mldsa87_key --type mldsa-87',
  ]);
});
