import type { createSntrup761 } from '@oqs/liboqs-js/kem';
import type { Encapsulation, Kem, KemKeyPair } from './kem.ts';
import { KexError } from './kex-method.ts';

/**
 * Streamlined NTRU Prime 761 (RFC 9941), from liboqs compiled to WebAssembly: neither Node nor noble has it. The module is
 * loaded on first use (about 0.1 s), so that a policy without sntrup761 does not pay for it.
 */
type Engine = Awaited<ReturnType<typeof createSntrup761>>;

const PUBLIC_KEY_BYTES = 1158;
const CIPHERTEXT_BYTES = 1039;

let engine: Engine | undefined;
let loading: Promise<void> | undefined;

async function loadEngine(): Promise<void> {
  const liboqs = await import('@oqs/liboqs-js/kem');
  engine = await liboqs.createSntrup761();
}

function loadedEngine(): Engine {
  if (engine === undefined) throw new Error('sntrup761 is used before its load() has resolved');
  return engine;
}

/** liboqs-js takes Uint8Array itself, none of its subclasses. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

export const sntrup761: Kem = {
  name: 'sntrup761',
  publicKeyBytes: PUBLIC_KEY_BYTES,
  ciphertextBytes: CIPHERTEXT_BYTES,
  get loaded(): boolean {
    return engine !== undefined;
  },
  load(): Promise<void> {
    loading ??= loadEngine();
    return loading;
  },
  generateKeyPair(): KemKeyPair {
    const { publicKey, secretKey } = loadedEngine().generateKeyPair();
    return {
      publicKey: Buffer.from(publicKey.buffer),
      decapsulate(ciphertext): Buffer {
        if (ciphertext.length !== CIPHERTEXT_BYTES) {
          throw new KexError(`sntrup761 ciphertext of ${ciphertext.length} bytes, not ${CIPHERTEXT_BYTES}`);
        }
        return Buffer.from(loadedEngine().decapsulate(plain(ciphertext), secretKey).buffer);
      },
      dispose(): void {
        secretKey.fill(0);
      },
    };
  },
  encapsulate(publicKey: Buffer): Encapsulation {
    if (publicKey.length !== PUBLIC_KEY_BYTES) {
      throw new KexError(`sntrup761 public key of ${publicKey.length} bytes, not ${PUBLIC_KEY_BYTES}`);
    }
    try {
      const { ciphertext, sharedSecret } = loadedEngine().encapsulate(plain(publicKey));
      return { ciphertext: Buffer.from(ciphertext.buffer), sharedSecret: Buffer.from(sharedSecret.buffer) };
    } catch (cause) {
      throw new KexError('sntrup761 encapsulation failed', { cause });
    }
  },
};
