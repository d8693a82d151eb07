import { generateKeyPairSync, sign } from 'node:crypto';

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length =
    content.length < 0x80
      ? Buffer.from([content.length])
      : Buffer.from([0x82, content.length >> 8, content.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, content]);
}

const SEQUENCE = 0x30;
const time = (text: string): Buffer => der(0x17, Buffer.from(text, 'latin1'));

/** A certificate of nobody for an Ed25519 key of its own, in PEM: for listeners that nobody has to trust. */
export function selfSigned(): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const ed25519 = der(SEQUENCE, der(0x06, Buffer.from([0x2b, 0x65, 0x70])));
  const nobody = der(SEQUENCE);
  const body = der(
    SEQUENCE,
    der(0x02, Buffer.from([1])),
    ed25519,
    nobody,
    der(SEQUENCE, time('250101000000Z'), time('491231235959Z')),
    nobody,
    publicKey.export({ format: 'der', type: 'spki' }),
  );
  const signature = der(0x03, Buffer.from([0]), sign(null, body, privateKey));
  const base64 = der(SEQUENCE, body, ed25519, signature).toString('base64');
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }),
    cert: `-----BEGIN CERTIFICATE-----\n${base64.replace(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----\n`,
  };
}
