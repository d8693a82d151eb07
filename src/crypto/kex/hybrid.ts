import { createHash } from 'node:crypto';
import type { Ecdh } from './ecdh.ts';
import type { Kem } from './kem.ts';
import { encodeString } from './key-derivation.ts';
import { KexError } from './kex-method.ts';
import type { ClientExchange, KexHash, KexMethod, KexReply } from './kex-method.ts';

/**
 * The one construction of all post-quantum hybrids (draft-ietf-sshm-mlkem-hybrid-kex §2, RFC 9941 §3, and the d00 names):
 *
 *     C_INIT  = KEM public key || classical public value
 *     S_REPLY = KEM ciphertext || classical public value
 *     K       = HASH(K_PQ || K_CL), and travels as a `string`, never as an mpint
 *
 * No inner lengths: both halves have a fixed length, and K_CL keeps its leading zeros.
 */
export function hybrid(name: string, kem: Kem, ecdh: Ecdh, hash: KexHash): KexMethod {
  const initBytes = kem.publicKeyBytes + ecdh.publicKeyBytes;
  const replyBytes = kem.ciphertextBytes + ecdh.publicKeyBytes;

  return {
    name,
    hash,
    publicEncoding: 'string',
    initBytes,
    replyBytes,

    startClient(): ClientExchange {
      const kemPair = kem.generateKeyPair();
      const ecdhPair = ecdh.generateKeyPair();
      return {
        init: Buffer.concat([kemPair.publicKey, ecdhPair.publicKey]),
        finish: (reply: Buffer) =>
          new Promise((resolve) => {
            checkLength(name, 'reply', reply, replyBytes);
            const classicalSecret = ecdhPair.agree(reply.subarray(kem.ciphertextBytes));
            try {
              const kemSecret = kemPair.decapsulate(reply.subarray(0, kem.ciphertextBytes));
              resolve(combine(hash, kemSecret, classicalSecret));
            } finally {
              classicalSecret.fill(0);
            }
          }),
        dispose(): void {
          kemPair.dispose();
          ecdhPair.dispose();
        },
      };
    },

    async respond(init: Buffer): Promise<KexReply> {
      checkLength(name, 'init', init, initBytes);
      if (!kem.loaded) await kem.load();
      // The classical half first: it is the cheaper one to refuse.
      const { publicKey, secret: classicalSecret } = await ecdh.respond(init.subarray(kem.publicKeyBytes));
      try {
        const { ciphertext, sharedSecret: kemSecret } = kem.encapsulate(init.subarray(0, kem.publicKeyBytes));
        return {
          reply: Buffer.concat([ciphertext, publicKey]),
          sharedSecret: combine(hash, kemSecret, classicalSecret),
        };
      } finally {
        classicalSecret.fill(0);
      }
    },
  };
}

function checkLength(name: string, what: string, bytes: Buffer, expected: number): void {
  if (bytes.length !== expected) throw new KexError(`${name}: ${what} of ${bytes.length} bytes, not ${expected}`);
}

/** Returns K as a `string`; overwrites the KEM's secret. */
function combine(hash: KexHash, kemSecret: Buffer, classicalSecret: Buffer): Buffer {
  const secret = createHash(hash).update(kemSecret).update(classicalSecret).digest();
  kemSecret.fill(0);
  const encoded = encodeString(secret);
  secret.fill(0);
  return encoded;
}
