// The first known answer of NIST's file for sntrup761. Only its digest is needed: the random bytes that NIST's generator
// gives are put in the place of liboqs's, and everything else follows from them.
import nodeCrypto, { createHash } from 'node:crypto';
import { expect, jest, test } from '@jest/globals';
import { createSntrup761 } from '@oqs/liboqs-js/kem';
import { nistRandomBytes } from './kem-known-answers.ts';

/** The program asks for 761 uint32 at once; getentropy(3), through which it asks, gives 256 bytes a call. */
const LARGE_REQUEST_BYTES = 761 * 4;
const ENTROPY_BYTES = 256;

/** `single` of sntrup761 in liboqs's tests/KATs/kem/kats.json: SHA-256 of the first record as NIST's program writes it. */
const DIGEST = 'afc42c3a5b10f4ef69654250097ebda9b9564570f4086744b24a6daf2bd1f89a';

test('the first record of the known answers of NIST', async () => {
  const entropy = Buffer.from(Array.from({ length: 48 }, (_, index) => index));
  const seed = nistRandomBytes(entropy)(48);
  const random = nistRandomBytes(seed);
  let left: Buffer = Buffer.alloc(0);
  // WebAssembly has no random numbers of its own: Emscripten's runtime asks node:crypto.
  const source = jest.spyOn(nodeCrypto, 'randomFillSync').mockImplementation(((buffer: Uint8Array) => {
    // What NIST's generator gives depends on how much is asked for at once.
    if (left.length === 0) left = random(buffer.length === ENTROPY_BYTES ? LARGE_REQUEST_BYTES : buffer.length);
    buffer.set(left.subarray(0, buffer.length));
    left = left.subarray(buffer.length);
    return buffer;
  }) as typeof nodeCrypto.randomFillSync);
  try {
    const kem = await createSntrup761();
    const { publicKey, secretKey } = kem.generateKeyPair();
    const { ciphertext, sharedSecret } = kem.encapsulate(publicKey);
    const fields = { seed, pk: publicKey, sk: secretKey, ct: ciphertext, ss: sharedSecret };
    const lines = Object.entries(fields).map(([name, bytes]) => {
      return `${name} = ${Buffer.from(bytes).toString('hex').toUpperCase()}\n`;
    });
    expect(
      createHash('sha256')
        .update(`count = 0\n${lines.join('')}`)
        .digest('hex'),
    ).toBe(DIGEST);
    expect(kem.decapsulate(ciphertext, secretKey)).toEqual(sharedSecret);
  } finally {
    source.mockRestore();
  }
});
