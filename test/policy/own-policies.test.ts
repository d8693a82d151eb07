import { describe, expect, test } from '@jest/globals';
import {
  HOST_KEY_BY_NAME,
  KEX_ALGORITHMS,
  KEX_BY_NAME,
  MAC_BY_NAME,
} from '../../src/crypto/algorithms/algorithm-table.ts';
import { algorithmsOf } from '../../src/policy/fips-rules.ts';
import { builtIn } from './policy-files.ts';

const lists = (name: string) => builtIn.require(name, 'test', '$').algorithms;
const hybrids = KEX_ALGORITHMS.filter(({ family }) => family === 'pq-hybrid').map(({ name }) => name);

describe('our own policies', () => {
  test('the default has every hybrid, ML-KEM before sntrup before Kyber, then modern classical methods', () => {
    const { kex } = lists('TransferPQSecurityPolicy-2026-11');
    expect(new Set(kex.slice(0, hybrids.length))).toEqual(new Set(hybrids));
    const families = kex.slice(0, hybrids.length).map((name) => KEX_BY_NAME.get(name)?.pq);
    expect(families).toEqual(['ml-kem', 'ml-kem', 'ml-kem', 'sntrup', 'sntrup', 'kyber', 'kyber', 'kyber', 'kyber']);
    for (const name of kex.slice(hybrids.length)) {
      expect(KEX_BY_NAME.get(name)).toMatchObject({ family: 'classical', verdict: 'acceptable' });
    }
  });

  // Last: a first-guess packet is right only where the first host key algorithms of both sides agree (RFC 4253 §7.1).
  test.each(['', '-Required', '-FIPS'])('TransferPQSecurityPolicy%s-2026-11 lists ML-DSA host keys last', (which) => {
    const { hostKeys } = lists(`TransferPQSecurityPolicy${which}-2026-11`);
    expect(hostKeys.indexOf('ssh-mldsa44-ed25519')).toBe(hostKeys.length - 1);
  });

  test('Required has every hybrid and nothing else', () => {
    expect(new Set(lists('TransferPQSecurityPolicy-Required-2026-11').kex)).toEqual(new Set(hybrids));
  });

  test('FIPS has every hybrid with an approved half, AES and SHA-2', () => {
    const policy = lists('TransferPQSecurityPolicy-FIPS-2026-11');
    const approved = KEX_ALGORITHMS.filter(({ family, fips }) => family === 'pq-hybrid' && fips === 'approved');
    expect(new Set(policy.kex)).toEqual(new Set(approved.map(({ name }) => name)));
    expect(policy.ciphers.every((name) => name.startsWith('aes'))).toBe(true);
    expect(policy.macs.every((name) => name.startsWith('hmac-sha2-'))).toBe(true);
    expect(algorithmsOf(policy).every(({ fips }) => fips === 'approved')).toBe(true);
  });

  test('CNSA2 has ML-KEM-1024 with P-384, AES-256-GCM, and no hash shorter than SHA-384', () => {
    const policy = lists('TransferPQSecurityPolicy-CNSA2-2026-11');
    expect(policy.kex).toEqual(['mlkem1024nistp384-sha384']);
    expect(policy.ciphers).toEqual(['aes256-gcm@openssh.com']);
    expect(policy.macs.every((name) => name.startsWith('hmac-sha2-512'))).toBe(true);
    expect(policy.hostKeys.map((name) => HOST_KEY_BY_NAME.get(name)?.hash)).toEqual(['sha384', 'sha512']);
  });

  test('Audit lists only what ssh-audit 3.3 and its master of 2026 call clean', () => {
    const policy = lists('TransferPQSecurityPolicy-Audit-2026-11');
    expect(policy.kex).toEqual([
      'mlkem768x25519-sha256',
      'sntrup761x25519-sha512',
      'sntrup761x25519-sha512@openssh.com',
    ]);
    expect(policy.macs.every((name) => MAC_BY_NAME.get(name)?.etm)).toBe(true);
    expect(policy.ciphers.every((name) => name.startsWith('aes'))).toBe(true);
    expect(policy.hostKeys).toEqual(['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256']);
  });

  test.each(builtIn.all.filter(({ fips }) => fips).map(({ name }) => name))(
    '%s never offers plain X25519, ChaCha20 or UMAC',
    (name) => {
      const { kex, ciphers, macs } = lists(name);
      const banned = /^curve25519|chacha20|umac/;
      expect([...kex, ...ciphers, ...macs].filter((each) => banned.test(each))).toEqual([]);
    },
  );
});
