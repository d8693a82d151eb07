// OpenSSH PROTOCOL §2.5, byte by byte.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Connection } from '../../src/connection/connection.ts';
import { HostKeyRotation } from '../../src/connection/host-key-rotation.ts';
import { ReceiveWindows } from '../../src/connection/receive-windows.ts';
import type { PrivateKey } from '../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { SshWriter } from '../../src/wire/writer.ts';

const make = (type: Parameters<typeof generatePrivateKey>[0]): PrivateKey =>
  parsePrivateKey(generatePrivateKey(type, type === 'rsa' ? 2048 : undefined).privateKey);
const old = make('ed25519');
const fresh = make('ed25519');
const rsa = make('rsa');
const stranger = make('ed25519');
const sessionId = randomBytes(32);

interface Told {
  readonly rotation: HostKeyRotation;
  readonly proved: string[][];
  readonly errors: unknown[];
}

function rotation(
  negotiated = 'ssh-ed25519',
  hostKeys = [old, fresh, rsa],
  clientVersion = 'SSH-2.0-OpenSSH_10',
): Told {
  const proved: string[][] = [];
  const errors: unknown[] = [];
  return {
    proved,
    errors,
    rotation: new HostKeyRotation({
      hostKeys,
      algorithms: ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'],
      negotiated,
      sessionId,
      clientVersion,
      onProved: (fingerprints) => proved.push([...fingerprints]),
      onError: (error) => errors.push(error),
    }),
  };
}

const asking = (...blobs: Buffer[]): Buffer => {
  const writer = new SshWriter();
  for (const blob of blobs) writer.string(blob);
  return writer.finish();
};
const blobOf = (key: PrivateKey): Buffer => key.publicKey.blob;
const signed = (key: PrivateKey): Buffer =>
  new SshWriter().string('hostkeys-prove-00@openssh.com').string(sessionId).string(blobOf(key)).finish();
const REFUSED = Buffer.from([82]);

describe('the announcement', () => {
  test('names every key, two of one type too, and wants no reply', () => {
    const expected = new SshWriter().byte(80).string('hostkeys-00@openssh.com').boolean(false);
    for (const key of [old, fresh, rsa]) expected.string(blobOf(key));
    expect(rotation().rotation.announcement()).toEqual(expected.finish());
  });

  test('has a key once that is configured twice: OpenSSH would drop the whole list', () => {
    expect(rotation('ssh-ed25519', [old, fresh, old]).rotation.announcement()).toEqual(
      rotation('ssh-ed25519', [old, fresh]).rotation.announcement(),
    );
  });

  test.each(['SSH-2.0-Cisco-1.25', 'SSH-2.0-TTSSH/2.72 Win32', 'SSH-1.99-TTSSH/1.5.4'])('spares %s', (version) => {
    expect(rotation('ssh-ed25519', [old], version).rotation.announcement()).toBeNull();
  });

  test.each(['SSH-2.0-TTSSH/2.90 Win32', 'SSH-2.0-WinSCP_release_6.5'])('is for %s', (version) => {
    expect(rotation('ssh-ed25519', [old], version).rotation.announcement()).not.toBeNull();
  });
});

describe('the proof', () => {
  test('is a signature for each key, in the order in which they were asked about', async () => {
    const { rotation: subject, proved } = rotation();
    const answer = new SshReader(await subject.prove(asking(blobOf(rsa), blobOf(fresh))));
    expect(answer.byte()).toBe(81);
    expect(rsa.publicKey.verify('rsa-sha2-512', answer.string(), signed(rsa))).toBe(true);
    expect(fresh.publicKey.verify('ssh-ed25519', answer.string(), signed(fresh))).toBe(true);
    answer.end();
    expect(proved).toEqual([[rsa.publicKey.fingerprint, fresh.publicKey.fingerprint]]);
  });

  test('of an RSA key is of the algorithm that was negotiated, where that is one of RSA', async () => {
    const answer = new SshReader(await rotation('rsa-sha2-256').rotation.prove(asking(blobOf(rsa))));
    answer.byte();
    expect(rsa.publicKey.verify('rsa-sha2-256', answer.string(), signed(rsa))).toBe(true);
  });

  test.each<[string, readonly Buffer[]]>([
    ['of a key that is not ours, beside one that is', [blobOf(old), blobOf(stranger)]],
    ['of nothing', []],
    ['of one key twice', [blobOf(old), blobOf(old)]],
    ['of garbage', [Buffer.alloc(0)]],
  ])('%s is refused', async (_what, blobs) => {
    const { rotation: subject, proved } = rotation();
    expect(await subject.prove(asking(...blobs))).toEqual(REFUSED);
    expect(proved).toEqual([]);
  });

  test('is given a bounded number of times', async () => {
    const { rotation: subject } = rotation();
    const answers = [];
    for (let i = 0; i < 6; i += 1) answers.push((await subject.prove(asking(blobOf(old))))[0]);
    expect(answers).toEqual([81, 81, 81, 81, 82, 82]);
  });

  test('a blob whose length lies ends in an error of the wire, not in memory', () => {
    expect(() => rotation().rotation.prove(Buffer.from('ffffffff00', 'hex'))).toThrow();
  });

  test('a key that cannot sign is a failure for the client and an error for the operator', async () => {
    const broken: PrivateKey = { ...old, publicKey: old.publicKey, sign: () => Promise.reject(new Error('no')) };
    const { rotation: subject, errors } = rotation('ssh-ed25519', [broken]);
    expect(await subject.prove(asking(blobOf(old)))).toEqual(REFUSED);
    expect(errors).toEqual([new Error('no')]);
  });
});

describe('answers to global requests', () => {
  test('wait for a proof that is being signed, in order, a bounded number of them', async () => {
    let finish: (signature: Buffer) => void = () => undefined;
    const slow: PrivateKey = { ...old, publicKey: old.publicKey, sign: () => new Promise((done) => (finish = done)) };
    const sent: Buffer[] = [];
    const connection = new Connection({
      carrier: { writable: true, send: (head) => sent.push(head) > 0 },
      maxChannels: 1,
      windows: new ReceiveWindows(),
      hostKeys: rotation('ssh-ed25519', [slow]).rotation,
      sendUnimplemented: () => undefined,
      openSubsystem: () => null,
      onRefused: () => undefined,
    });
    const request = (name: string): SshWriter => new SshWriter().byte(80).string(name).boolean(true);
    const keepAlive = (): void => {
      connection.receive(80, request('keepalive@openssh.com').finish());
    };
    expect(sent.splice(0).map(([type]) => type)).toEqual([80]);
    keepAlive();
    expect(sent.splice(0)).toEqual([REFUSED]);
    connection.receive(80, request('hostkeys-prove-00@openssh.com').string(blobOf(old)).finish());
    for (let i = 0; i < 63; i += 1) keepAlive();
    expect(sent).toEqual([]);
    expect(keepAlive).toThrow('too many global requests at once');
    finish(Buffer.from('signature'));
    await new Promise(setImmediate);
    expect(sent[0]).toEqual(new SshWriter().byte(81).string('signature').finish());
    expect(sent.slice(1)).toEqual(Array.from({ length: 63 }, () => REFUSED));
  });
});
