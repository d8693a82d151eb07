// Answers that others have published, for what has no file of its own here: whoever computes it, ours or a library, must
// give them. (Kyber, UMAC, Poly1305, X25519, Ed25519 and scrypt have theirs beside their other tests.)
import { createHash } from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, test } from '@jest/globals';
import { p256, p384, p521 } from '../../src/crypto/kex/ecdh.ts';
import { nobleMlKem, nodeHasMlKem, nodeMlKem } from '../../src/crypto/kex/ml-kem.ts';
import { createSealer } from '../../src/crypto/cipher/cipher-constructors.ts';
import { MACS } from '../../src/crypto/cipher/packet-mac.ts';
import { parsePublicKey } from '../../src/crypto/keys/public-key.ts';
import { SshWriter } from '../../src/wire/writer.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
/** A whole number in hexadecimal, as an mpint's bytes (RFC 4251 §5): no zero byte in front but where the top bit is set. */
function mpint(text: string): Buffer {
  const bytes = hex(text.padStart(text.length + 2 + (text.length % 2), '0'));
  const first = bytes.findIndex((byte) => byte !== 0);
  return bytes.subarray((bytes[first] ?? 0) < 0x80 ? first : first - 1);
}

describe('AES in counter mode, SP 800-38A appendix F.5', () => {
  const IV = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff';
  const PLAINTEXT = `6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
    30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710`;

  test.each([
    [
      'aes128-ctr',
      '2b7e151628aed2a6abf7158809cf4f3c',
      `874d6191b620e3261bef6864990db6ce 9806f66b7970fdff8617187bb9fffdff
       5ae4df3edbd5d35e5b4f09020db03eab 1e031dda2fbe03d1792170a0f3009cee`,
    ],
    [
      'aes192-ctr',
      '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b',
      `1abc932417521ca24f2b0459fe7e6e0b 090339ec0aa6faefd5ccc2c6f4ce8e94
       1e36b26bd1ebc670d1bd1d665620abf7 4f78a7f6d29809585a97daec58c6b050`,
    ],
    [
      'aes256-ctr',
      '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
      `601ec313775789a5b7a7f504bbf3d228 f443e3ca4d62b59aca84e990cacaf5c5
       2b0930daa23de94ce87017ba2d84988d dfc9c58db67aada613c2dd08457941a6`,
    ],
  ])('%s', (cipher, key, ciphertext) => {
    // With encrypt-then-MAC the length stays as it is, and everything behind it is the cipher's.
    const keys = { key: hex(key), iv: hex(IV), macKey: Buffer.alloc(32) };
    const sealer = createSealer(cipher, 'hmac-sha2-256-etm@openssh.com', keys);
    const wire = Buffer.concat(sealer.seal(0, [Buffer.concat([hex('00000040'), hex(PLAINTEXT)])]));
    expect(wire.subarray(4, 68).toString('hex')).toBe(hex(ciphertext).toString('hex'));
  });
});

test('ChaCha20, RFC 8439 appendix A.1: the key stream of key, nonce and counter zero, and of counter one', () => {
  const keys = { key: Buffer.alloc(64), iv: Buffer.alloc(0), macKey: Buffer.alloc(0) };
  const sealer = createSealer('chacha20-poly1305@openssh.com', null, keys);
  // Zero bytes show the key stream: four of the first block for the length, the rest of the second one.
  const wire = Buffer.concat(sealer.seal(0, [Buffer.alloc(4 + 64)]));
  expect(wire.subarray(0, 4).toString('hex')).toBe('76b8e0ad');
  expect(wire.subarray(4, 68).toString('hex')).toBe(
    '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
  );
});

describe('HMAC: "what do ya want for nothing?" with the key "Jefe"', () => {
  test.each([
    ['hmac-sha1', 'RFC 2202 §3, 2', 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
    ['hmac-sha2-256', 'RFC 4231 §4.3', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
    [
      'hmac-sha2-512',
      'RFC 4231 §4.3',
      '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
    ],
  ] as const)('%s: %s', (name, _, tag) => {
    // The sequence number goes first: here, the text's first four bytes.
    const mac = MACS[name].create(Buffer.from('Jefe'));
    const sequenceNumber = Buffer.from('what').readUInt32BE(0);
    expect(
      mac.compute(sequenceNumber, [Buffer.from(' do ya want'), Buffer.from(' for nothing?')]).toString('hex'),
    ).toBe(tag);
  });
});

describe('ECDH, RFC 5903 §8', () => {
  test.each([
    {
      ecdh: p256,
      i: 'C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433',
      r: 'C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53',
      publicX: 'DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180',
      secret: 'D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE',
    },
    {
      ecdh: p384,
      i: '099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF896783AB194',
      r: '41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942E0308312916B8ED2960E4BD55A7448FC',
      publicX: '667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6DE3AC808ACB4BDB4C88732AEE95F41AA',
      secret: '11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A270F59746',
    },
    {
      ecdh: p521,
      i: '0037ADE9319A89F4DABDB3EF411AACCCA5123C61ACAB57B5393DCE47608172A095AA85A30FE1C2952C6771D937BA9777F5957B2639BAB072462F68C27A57382D4A52',
      r: '0145BA99A847AF43793FDD0E872E7CDFA16BE30FDC780F97BCCC3F078380201E9C677D600B343757A3BDBF2A3163E4C2F869CCA7458AA4A4EFFC311F5CB151685EB9',
      publicX:
        '0015417E84DBF28C0AD3C278713349DC7DF153C897A1891BD98BAB4357C9ECBEE1E3BF42E00B8E380AEAE57C2D107564941885942AF5A7F4601723C4195D176CED3E',
      secret:
        '01144C7D79AE6956BC8EDB8E7C787C4521CB086FA64407F97894E5E6B2D79B04D1427E73CA4BAA240A34786859810C06B3C715A3A8CC3151F2BEE417996D19F3DDEA',
    },
  ])('$ecdh.name', ({ ecdh, i, r, publicX, secret }) => {
    const initiator = ecdh.keyPairFromPrivateKey(hex(i));
    const responder = ecdh.keyPairFromPrivateKey(hex(r));
    const x = initiator.publicKey.subarray(1, 1 + ecdh.secretBytes);
    expect(x.toString('hex')).toBe(publicX.toLowerCase());
    expect(initiator.agree(responder.publicKey).toString('hex')).toBe(secret.toLowerCase());
    expect(responder.agree(initiator.publicKey).toString('hex')).toBe(secret.toLowerCase());
  });
});

describe('ECDSA, RFC 6979 appendix A.2, message "sample"', () => {
  test.each([
    [
      'ecdsa-sha2-nistp256',
      'nistp256',
      64,
      '60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6',
      '7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299',
      'EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716',
      'F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8',
    ],
    [
      'ecdsa-sha2-nistp384',
      'nistp384',
      96,
      'EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13',
      '8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720',
      '94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46',
      '99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8',
    ],
    [
      'ecdsa-sha2-nistp521',
      'nistp521',
      132,
      '1894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F5023A4',
      '493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFDFCF5',
      'C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA',
      '617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A',
    ],
  ] as const)('%s', (algorithm, curve, digits, x, y, r, s) => {
    const coordinate = (text: string): Buffer => hex(text.padStart(digits, '0'));
    const point = Buffer.concat([Buffer.of(4), coordinate(x), coordinate(y)]);
    const key = parsePublicKey(new SshWriter().string(algorithm).string(curve).string(point).finish());
    const numbers = new SshWriter().string(mpint(r)).string(mpint(s)).finish();
    const signature = new SshWriter().string(algorithm).string(numbers).finish();
    expect(key.verify(algorithm, signature, Buffer.from('sample'))).toBe(true);
    expect(key.verify(algorithm, signature, Buffer.from('simple'))).toBe(false);
  });
});

/**
 * What Go's crypto/mlkem calls accumulated vectors: seeds, messages and ciphertexts from SHAKE128 of nothing, and one hash
 * over everything that comes of a hundred of them, implicit rejection (FIPS 203 §6.3) included.
 */
test.each(nodeHasMlKem ? [nobleMlKem(768), nodeMlKem(768)] : [nobleMlKem(768)])(
  'ML-KEM-768 of $provider: the accumulated vectors of Go',
  (kem) => {
    const rounds = 100;
    const stream = createHash('shake128', { outputLength: rounds * (64 + 32 + kem.ciphertextBytes) }).digest();
    const accumulated = createHash('shake128', { outputLength: 32 });
    let offset = 0;
    const next = (bytes: number): Buffer => stream.subarray(offset, (offset += bytes));
    for (let round = 0; round < rounds; round += 1) {
      const pair = kem.keyPairFromSeed(next(64));
      // Only noble lets the message be given; its ciphertext is what the other provider then has to open.
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(pair.publicKey, next(32));
      expect(pair.decapsulate(Buffer.from(cipherText)).equals(sharedSecret)).toBe(true);
      const rejected = pair.decapsulate(next(kem.ciphertextBytes));
      accumulated.update(pair.publicKey).update(cipherText).update(sharedSecret).update(rejected);
    }
    expect(accumulated.digest('hex')).toBe('1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415');
  },
);
