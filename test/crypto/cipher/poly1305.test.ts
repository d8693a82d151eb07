import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { noblePoly, nodePoly, poly1305 } from '../../../src/crypto/cipher/poly1305.ts';

/** RFC 8439 §2.5.2 and appendix A.3, numbers 1, 7, 8, 9 and 10. */
const VECTORS = [
  [
    '85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b',
    Buffer.from('Cryptographic Forum Research Group').toString('hex'),
    'a8061dc1305136c6c22b8baf0c0127a9',
  ],
  ['00'.repeat(32), '00'.repeat(64), '00'.repeat(16)],
  [`02${'00'.repeat(31)}`, 'ff'.repeat(16), `03${'00'.repeat(15)}`],
  [`02${'00'.repeat(15)}${'ff'.repeat(16)}`, `02${'00'.repeat(15)}`, `03${'00'.repeat(15)}`],
  [`01${'00'.repeat(31)}`, `${'ff'.repeat(16)}f0${'ff'.repeat(15)}11${'00'.repeat(15)}`, `05${'00'.repeat(15)}`],
  [`01${'00'.repeat(31)}`, `${'ff'.repeat(16)}fb${'fe'.repeat(15)}${'01'.repeat(16)}`, '00'.repeat(16)],
] as const;

const providers =
  nodePoly === null
    ? ([['noble', noblePoly]] as const)
    : ([
        ['noble', noblePoly],
        ['node', nodePoly],
      ] as const);

test('the native Poly1305 is chosen where Node has it', () => {
  expect(poly1305).toBe(nodePoly ?? noblePoly);
});

for (const [name, poly] of providers) {
  test.each(VECTORS)(`${name}: RFC 8439 with the key %s`, (key, message, tag) => {
    expect(poly(Buffer.from(key, 'hex'), [Buffer.from(message, 'hex')]).toString('hex')).toBe(tag);
  });

  test(`${name}: the parts' borders do not matter`, () => {
    const key = randomBytes(32);
    const message = randomBytes(1000);
    const whole = noblePoly(key, [message]);
    expect(poly(key, [message.subarray(0, 4), message.subarray(4, 21), message.subarray(21)]).equals(whole)).toBe(true);
  });
}
