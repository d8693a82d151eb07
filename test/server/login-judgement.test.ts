// What holds for a login by the settings of its user and of the server: here, what a login by a certificate rests on.
import { describe, expect, test } from '@jest/globals';
import { judgeSession } from '../../src/server/login-judgement.ts';
import { parseCertificate } from '../../src/crypto/certificates/certificate.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import type { GeneratedKeyType } from '../../src/crypto/keys/key-registry.ts';
import type { PrivateKey } from '../../src/crypto/keys/key.ts';
import { parseConfig } from '../../src/config/load.ts';
import { ConfiguredUsers } from '../../src/server/users.ts';
import { makeCertificate } from '../crypto/certificates/make-certificate.ts';

const SESSION = { clientVersion: 'SSH-2.0-OpenSSH_10.6', postQuantumExchange: true };
const lineOf = ({ publicKey: { type, blob } }: PrivateKey): string => `${type} ${blob.toString('base64')}`;
const keyOf = (type: GeneratedKeyType) => parsePrivateKey(generatePrivateKey(type).privateKey);

describe('a post-quantum key is required, and the login is by a certificate', () => {
  test.each([
    ['mldsa44-ed25519', 'mldsa44-ed25519', null],
    ['mldsa44-ed25519', 'ed25519', 'not-post-quantum-key'],
    ['ed25519', 'mldsa44-ed25519', 'not-post-quantum-key'],
  ] as const)('of a key %s by a CA %s: %s', async (keyType, caType, reason) => {
    const [key, ca] = [keyOf(keyType), keyOf(caType)];
    const certificate = parseCertificate(await makeCertificate(key.publicKey, ca));
    const user = { name: 'alice', trustedCaKeys: [lineOf(ca)], requirePostQuantumKey: true };
    const text = JSON.stringify({ hostKeys: ['x'], storage: { type: 'memory' }, users: [user] });
    const { config } = parseConfig(text, 'latticeport.json');
    const identity = new ConfiguredUsers(config, 'latticeport.json', false).enabled('alice');
    if (identity === null) throw new Error('no such user');
    const [signatureAlgorithm = null] = key.publicKey.signatureAlgorithms;
    const judged = judgeSession({ identity, signatureAlgorithm, certificate }, SESSION, {}, Date.now());
    expect(judged?.refusal?.reason ?? null).toBe(reason);
  });
});
