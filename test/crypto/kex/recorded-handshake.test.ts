import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { nodeX25519 } from '../../../src/crypto/kex/ecdh.ts';
import { hybrid } from '../../../src/crypto/kex/hybrid.ts';
import type { Kem } from '../../../src/crypto/kex/kem.ts';
import { deriveKey } from '../../../src/crypto/kex/key-derivation.ts';
import type { KeyLetter } from '../../../src/crypto/kex/key-derivation.ts';
import { nobleMlKem, nodeHasMlKem, nodeMlKem } from '../../../src/crypto/kex/ml-kem.ts';
import { createOpener } from '../../../src/crypto/cipher/cipher-constructors.ts';
import { parsePublicKey } from '../../../src/crypto/keys/public-key.ts';
import { SshReader } from '../../../src/wire/reader.ts';
import { SshWriter } from '../../../src/wire/writer.ts';

/**
 * A session between golang.org/x/crypto/ssh and OpenSSH 9.9, recorded by the former's tests (its file
 * ssh/testdata/Client-KEX-mlkem768x25519-sha256). The client's random bytes are SHAKE128 of nothing: the KEXINIT cookie at
 * 0, the X25519 private key at 29, the ML-KEM seed at 61.
 */
const TRANSCRIPT = new URL('../../vectors/openssh-9.9-mlkem768x25519-sha256.transcript.txt', import.meta.url);
const SHARED_SECRET = '67701b91802f907a39e1f9031afa57b9fb84e1ff42322d76e8063584891d65fe';

type Direction = 'client' | 'server';

/** Everything that one side sent. */
function readTranscript(): Record<Direction, Buffer> {
  const sent: Record<Direction, Buffer[]> = { client: [], server: [] };
  let direction: Direction = 'client';
  for (const line of readFileSync(TRANSCRIPT, 'latin1').split('\n')) {
    const flow = /^>>> Flow \d+ \((client|server) to/.exec(line)?.[1];
    if (flow !== undefined) direction = flow === 'client' ? 'client' : 'server';
    else if (/^[0-9a-f]{8} /.test(line)) sent[direction].push(Buffer.from(line.slice(10, 58).replace(/ /g, ''), 'hex'));
  }
  return { client: Buffer.concat(sent.client), server: Buffer.concat(sent.server) };
}

interface ClearPart {
  readonly version: Buffer;
  /** Payloads up to and including SSH_MSG_NEWKEYS. */
  readonly payloads: readonly Buffer[];
  readonly encrypted: Buffer;
}

function splitClearPart(sent: Buffer): ClearPart {
  const lineEnd = sent.indexOf('\r\n');
  const payloads: Buffer[] = [];
  let offset = lineEnd + 2;
  while (payloads.at(-1)?.[0] !== 21) {
    const length = sent.readUInt32BE(offset);
    const padding = sent.readUInt8(offset + 4);
    payloads.push(sent.subarray(offset + 5, offset + 4 + length - padding));
    offset += 4 + length;
  }
  return { version: sent.subarray(0, lineEnd), payloads, encrypted: sent.subarray(offset) };
}

const providers = nodeHasMlKem ? [nobleMlKem(768), nodeMlKem(768)] : [nobleMlKem(768)];

test.each(providers)('a recorded handshake with OpenSSH 9.9, ML-KEM of $provider', async (mlKem) => {
  const { client, server } = readTranscript();
  const fromClient = splitClearPart(client);
  const fromServer = splitClearPart(server);
  const [clientKexInit, ecdhInit] = fromClient.payloads;
  const [serverKexInit, ecdhReply] = fromServer.payloads;

  const random = createHash('shake128', { outputLength: 125 }).digest();
  expect(clientKexInit!.subarray(1, 17).equals(random.subarray(0, 16))).toBe(true);
  const kem: Kem = {
    name: mlKem.name,
    publicKeyBytes: mlKem.publicKeyBytes,
    ciphertextBytes: mlKem.ciphertextBytes,
    loaded: true,
    load: () => Promise.resolve(),
    generateKeyPair: () => mlKem.keyPairFromSeed(random.subarray(61, 125)),
    encapsulate: (publicKey) => mlKem.encapsulate(publicKey),
  };
  const ecdh = { ...nodeX25519, generateKeyPair: () => nodeX25519.keyPairFromPrivateKey(random.subarray(29, 61)) };
  const exchange = hybrid('mlkem768x25519-sha256', kem, ecdh, 'sha256').startClient();

  expect(ecdhInit![0]).toBe(30);
  expect(new SshReader(ecdhInit!, 1).string().equals(exchange.init)).toBe(true);

  expect(ecdhReply![0]).toBe(31);
  const reader = new SshReader(ecdhReply!, 1);
  const hostKeyBlob = reader.string();
  const reply = reader.string();
  const signature = reader.string();
  reader.end();
  const sharedSecret = await exchange.finish(reply);
  expect(sharedSecret.toString('hex')).toBe(`00000020${SHARED_SECRET}`);

  const hashed = new SshWriter(8192)
    .string(fromClient.version)
    .string(fromServer.version)
    .string(clientKexInit!)
    .string(serverKexInit!)
    .string(hostKeyBlob)
    .string(exchange.init)
    .string(reply)
    .bytes(sharedSecret)
    .finish();
  const exchangeHash = createHash('sha256').update(hashed).digest();
  const hostKey = parsePublicKey(hostKeyBlob);
  expect(hostKey.type).toBe('ecdsa-sha2-nistp256');
  expect(hostKey.verify('ecdsa-sha2-nistp256', signature, exchangeHash)).toBe(true);
  expect(hostKey.verify('ecdsa-sha2-nistp256', signature, Buffer.alloc(32))).toBe(false);

  // The session went on with aes128-gcm@openssh.com: every packet of it opens with the derived keys.
  const derive = (letter: KeyLetter, bytes: number): Buffer =>
    deriveKey('sha256', sharedSecret, exchangeHash, letter, exchangeHash, bytes);
  const messages = (encrypted: Buffer, iv: KeyLetter, key: KeyLetter): number[] => {
    const opener = createOpener('aes128-gcm@openssh.com', null, {
      key: derive(key, 16),
      iv: derive(iv, 12),
      macKey: Buffer.alloc(0),
    });
    const numbers: number[] = [];
    for (let offset = 0; offset < encrypted.length;) {
      const length = opener.readLength(numbers.length, encrypted.subarray(offset, offset + opener.headBytes));
      const end = offset + 4 + length + opener.tagBytes;
      numbers.push(opener.open(numbers.length, encrypted.subarray(offset, end)).readUInt8(1));
      offset = end;
    }
    return numbers;
  };
  // SERVICE_REQUEST first; EXT_INFO and SERVICE_ACCEPT first.
  expect(messages(fromClient.encrypted, 'A', 'C').slice(0, 2)).toEqual([5, 50]);
  expect(messages(fromServer.encrypted, 'B', 'D').slice(0, 2)).toEqual([7, 6]);
});
