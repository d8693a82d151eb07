import { createPublicKey, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { agreeInThread } from './agree-in-thread.ts';

export type WideCurveName = 'secp384r1' | 'secp521r1';

/** What precedes the uncompressed point in a SubjectPublicKeyInfo (RFC 5480 §2). */
const SPKI_PREFIX: Readonly<Record<WideCurveName, Buffer>> = {
  secp384r1: Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
  secp521r1: Buffer.from('30819b301006072a8648ce3d020106052b8104002303818600', 'hex'),
};

/** Key pairs that wait, at most. One is made after each that is taken, so a burst of logins finds so many. */
const READY = 8;

/** A pair that nobody wanted for so long is dropped, since nobody may want it for hours. Milliseconds. */
const WAIT_MS = 60_000;

interface WideKeyPair {
  /** The uncompressed point. */
  readonly publicKey: Buffer;
  readonly privateKey: KeyObject;
}

/**
 * The responder's part of ECDH over P-384 or P-521, whose two multiplications take a millisecond or more each: they run
 * in OpenSSL's threads, and the first of them, the fresh key pair, before it is needed where the curve is in use.
 *
 * A pair that is ready halves the time to the reply: 0.8 ms instead of 1.6 over P-384, 1.7 instead of 3.3 over P-521 (medians
 * of 300 alternating rounds, two busy cores, Node 26). It saves no work: a queue of logins gets on no faster.
 *
 * A pair made ahead is as good as one made on the spot: it is taken out of the list by the one exchange that uses it,
 * and a secret that no traffic depends on yet can give none away.
 */
export class WideCurve {
  readonly #curve: WideCurveName;
  readonly #ready: WideKeyPair[] = [];
  #making = false;
  #dropping: NodeJS.Timeout | undefined;

  constructor(curve: WideCurveName) {
    this.#curve = curve;
  }

  /** Key pairs that wait for an exchange. */
  get ready(): number {
    return this.#ready.length;
  }

  /** Rejects (OpenSSL's error) for bytes that are no point of the curve. The caller overwrites the secret after use. */
  async respond(peerPoint: Buffer): Promise<{ readonly publicKey: Buffer; readonly secret: Buffer }> {
    const prefix = SPKI_PREFIX[this.#curve];
    const peer = createPublicKey({ key: Buffer.concat([prefix, peerPoint]), format: 'der', type: 'spki' });
    const { publicKey, privateKey } = this.#ready.pop() ?? (await this.#generate());
    try {
      return { publicKey, secret: await agreeInThread(privateKey, peer) };
    } finally {
      // Only now: made beside the secret, the next pair delays the reply by as much as a pair that is ready saves.
      this.#makeReady();
    }
  }

  #generate(): Promise<WideKeyPair> {
    return new Promise((resolve, reject) => {
      generateKeyPair('ec', { namedCurve: this.#curve }, (error, publicKey, privateKey) => {
        if (error) reject(error);
        else {
          const spki = publicKey.export({ format: 'der', type: 'spki' });
          resolve({ publicKey: spki.subarray(SPKI_PREFIX[this.#curve].length), privateKey });
        }
      });
    });
  }

  /** One at a time, so that threads stay free for others. */
  #makeReady(): void {
    clearTimeout(this.#dropping);
    this.#dropping = setTimeout(() => this.#ready.splice(0), WAIT_MS).unref();
    if (this.#making || this.#ready.length >= READY) return;
    this.#making = true;
    this.#generate().then(
      (pair) => {
        this.#ready.push(pair);
        this.#making = false;
        this.#makeReady();
      },
      () => {
        // The next exchange makes its own, and is told what is wrong.
        this.#making = false;
      },
    );
  }
}
