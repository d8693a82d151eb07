import { isUsablePublicValue, modpGroup } from './dh-group.ts';
import type { DhGroup, ModpGroupNumber } from './dh-group.ts';
import { computeDhSecret, generateDhKeyPair, generateDhKeyPairSync } from './dh-keys.ts';
import type { DhKeyPair, DhParameters } from './dh-keys.ts';
import { encodeMpint } from './key-derivation.ts';
import { KexError } from './kex-method.ts';
import type { ClientExchange, KexHash, KexMethod, KexReply } from './kex-method.ts';

/** Diffie-Hellman over a group of RFC 3526: RFC 4253 §8.1, RFC 8268. */
export function modpKex(name: string, group: ModpGroupNumber, hash: KexHash): KexMethod {
  return dhKex(name, modpGroup(group).p, group, hash);
}

/** Diffie-Hellman over any group: what diffie-hellman-group-exchange does once its group is chosen. */
export function dhGroupKex(name: string, group: DhGroup, hash: KexHash): KexMethod {
  return dhKex(name, group.p, group, hash);
}

/** Public values and K are `mpint`s (RFC 4253 §8). */
function dhKex(name: string, prime: Buffer, parameters: DhParameters, hash: KexHash): KexMethod {
  const agree = async (pair: DhKeyPair, peerPublicValue: Buffer): Promise<Buffer> => {
    let secret: Buffer;
    try {
      secret = await computeDhSecret(pair, peerPublicValue);
    } catch (cause) {
      throw new KexError(`${name}: unusable public value`, { cause });
    }
    const encoded = encodeMpint(secret);
    secret.fill(0);
    return encoded;
  };
  const clientKeyPair = (): DhKeyPair => {
    try {
      return generateDhKeyPairSync(parameters);
    } catch (cause) {
      throw new KexError(`${name}: unusable group`, { cause });
    }
  };
  const check = (peerPublicValue: Buffer): void => {
    if (!isUsablePublicValue(peerPublicValue, prime)) throw new KexError(`${name}: public value out of range`);
  };

  return {
    name,
    hash,
    publicEncoding: 'mpint',
    initBytes: null,
    replyBytes: null,

    startClient(): ClientExchange {
      const pair = clientKeyPair();
      return {
        init: pair.publicValue,
        async finish(reply: Buffer): Promise<Buffer> {
          check(reply);
          return agree(pair, reply);
        },
        // OpenSSL holds the private key and clears it when the KeyObject is collected.
        dispose: () => undefined,
      };
    },

    async respond(init: Buffer): Promise<KexReply> {
      check(init);
      const pair = await generateDhKeyPair(parameters);
      return { reply: pair.publicValue, sharedSecret: await agree(pair, init) };
    },
  };
}
