import type { Ecdh } from './ecdh.ts';
import { encodeMpint } from './key-derivation.ts';
import type { ClientExchange, KexHash, KexMethod, KexReply } from './kex-method.ts';

/**
 * Classical ECDH key exchange: RFC 5656 §4 over the NIST curves, RFC 8731 over X25519. Public values are `string`s; the
 * shared secret, taken as an unsigned big-endian number, is an `mpint`.
 */
export function ecdhKex(name: string, ecdh: Ecdh, hash: KexHash): KexMethod {
  return {
    name,
    hash,
    publicEncoding: 'string',
    initBytes: ecdh.publicKeyBytes,
    replyBytes: ecdh.publicKeyBytes,

    startClient(): ClientExchange {
      const pair = ecdh.generateKeyPair();
      return {
        init: pair.publicKey,
        finish: (reply) =>
          new Promise((resolve) => {
            resolve(mpintSecret(pair.agree(reply)));
          }),
        dispose(): void {
          pair.dispose();
        },
      };
    },

    async respond(init): Promise<KexReply> {
      const { publicKey, secret } = await ecdh.respond(init);
      return { reply: publicKey, sharedSecret: mpintSecret(secret) };
    },
  };
}

/** Overwrites `secret`. */
function mpintSecret(secret: Buffer): Buffer {
  const encoded = encodeMpint(secret);
  secret.fill(0);
  return encoded;
}
