import { getFips } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  CIPHER_ALGORITHMS,
  HOST_KEY_ALGORITHMS,
  KEX_ALGORITHMS,
  MAC_ALGORITHMS,
} from '../../src/crypto/algorithms/algorithm-table.ts';
import { nodeHasX25519 } from '../../src/crypto/kex/ecdh.ts';
import { nodeHasMlKem } from '../../src/crypto/kex/ml-kem.ts';
import { nodeHasMlDsa } from '../../src/crypto/keys/ml-dsa.ts';
import { nodePoly } from '../../src/crypto/cipher/poly1305.ts';
import { cryptoModule, refusedByOpenSsl, reportProviders } from '../../src/crypto/providers.ts';

const names = (rows: readonly { readonly name: string }[]): string[] => rows.map(({ name }) => name);
const EVERYTHING = { kex: names(KEX_ALGORITHMS), ciphers: names(CIPHER_ALGORITHMS), macs: names(MAC_ALGORITHMS) };

/** test/server/fips.test.ts asks a Node that runs in FIPS mode. */
describe('outside FIPS mode', () => {
  test('the module says so', () => {
    expect(cryptoModule()).toEqual({ enabled: getFips() === 1, hasMlKem: nodeHasMlKem, hasMlDsa: nodeHasMlDsa });
  });

  test('OpenSSL refuses nothing', () => {
    expect(nodeHasX25519).toBe(true);
    expect(refusedByOpenSsl(EVERYTHING)).toEqual([]);
  });

  test('a policy with everything names every provider', () => {
    expect(reportProviders(EVERYTHING, names(HOST_KEY_ALGORITHMS))).toEqual({
      openssl: process.versions.openssl,
      fips: false,
      random: 'node',
      signatures: 'node',
      hashes: 'node',
      mlKem: nodeHasMlKem ? 'node' : 'noble',
      kyber: 'latticeport, on hashes of node',
      sntrup761: 'liboqs',
      x25519: 'node',
      nistCurves: 'node',
      modpGroups: 'node',
      aes: 'node',
      chacha20Poly1305: nodePoly === null ? 'node, Poly1305 of noble' : 'node',
      hmac: 'node',
      umac: 'latticeport, on AES of node',
      mlDsa: nodeHasMlDsa ? 'node' : 'noble',
    });
  });

  test('what a policy cannot lead to is not named', () => {
    const lists = {
      kex: ['mlkem1024nistp384-sha384'],
      ciphers: ['aes256-gcm@openssh.com'],
      macs: ['umac-64@openssh.com'],
    };
    const report = reportProviders(lists, ['ssh-ed25519', 'rsa-sha2-512']);
    expect(Object.keys(report).slice(5)).toEqual(['mlKem', 'nistCurves', 'aes']);
  });
});
