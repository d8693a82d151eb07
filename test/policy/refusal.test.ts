import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseKexInit } from '../../scripts/parse-kexinit.ts';
import { encodeKexInit, type KexInit } from '../../src/negotiation/kexinit.ts';
import { serverOffer } from '../../src/policy/server-offer.ts';
import type { SessionKex } from '../../src/policy/session-kex.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { runProgram } from '../peers/process.ts';
import { startTestServer, type LogLine, type TestServer } from '../server/test-server.ts';
import { builtIn } from './policy-files.ts';

const POLICY = 'TransferPQSecurityPolicy-Required-2026-11';
const { algorithms } = builtIn.require(POLICY, 'test', '$');

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ securityPolicy: POLICY });
});
afterAll(async () => {
  await server.stop();
});

async function logged(from: number, event: string): Promise<LogLine> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const found = server.log.slice(from).find((line) => line.event === event);
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`no ${event} in the log`);
    await delay(10);
  }
}

/** An unencrypted packet (RFC 4253 §6). */
function packet(payload: Buffer): Buffer {
  const padding = 8 - ((payload.length + 5) % 8) + 8;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + padding + 1, 0);
  head.writeUInt8(padding, 4);
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}

/** Offers these lists and returns the disconnect that comes after the server's KEXINIT: its reason and its words. */
async function disconnectFor(offer: KexInit): Promise<{ reason: number; words: string }> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('SSH-2.0-Test\r\n');
  let received = Buffer.alloc(0);
  let sent = false;
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    // Only once all of the server's KEXINIT has been read: a reset must not take the disconnect away.
    if (!sent && parseKexInit(received) !== null) {
      sent = true;
      socket.write(packet(encodeKexInit(offer, Buffer.alloc(16))));
    }
  }
  const afterVersion = received.subarray(received.indexOf('\n') + 1);
  const second = afterVersion.subarray(4 + afterVersion.readUInt32BE(0));
  const payload = second.subarray(5);
  expect(payload[0]).toBe(1);
  return { reason: payload.readUInt32BE(1), words: payload.toString('utf8', 9, 9 + payload.readUInt32BE(5)) };
}

describe('a client without a common algorithm', () => {
  test.each<[list: string, changes: Partial<KexInit>, words: RegExp]>([
    ['kex', { kex: ['curve25519-sha256'] }, /key exchange method/],
    ['hostKeys', { hostKeys: ['ssh-dss'] }, /host key/],
    ['ciphersClientToServer', { ciphersClientToServer: ['3des-cbc'] }, /cipher/],
    ['ciphersServerToClient', { ciphersServerToClient: ['3des-cbc'] }, /cipher/],
    ['macsClientToServer', { ciphersClientToServer: ['aes256-ctr'], macsClientToServer: ['hmac-md5'] }, /MAC/],
    ['macsServerToClient', { ciphersServerToClient: ['aes256-ctr'], macsServerToClient: ['hmac-md5'] }, /MAC/],
    ['compressionClientToServer', { compressionClientToServer: ['zlib'] }, /compression/],
  ])('is told with reason 3 that %s has no match, and the log has both lists', async (list, changes, words) => {
    const from = server.log.length;
    const offer = { ...serverOffer(algorithms), ...changes };
    const disconnect = await disconnectFor(offer);
    expect(disconnect.reason).toBe(3);
    expect(disconnect.words).toMatch(words);
    const line = await logged(from, 'session.closed');
    expect(line).toMatchObject({ reason: 3, list, clientList: offer[list as keyof KexInit] });
    expect(line['serverList']).toEqual(expect.arrayContaining([expect.any(String)]));
  });
});

const openssh = findPeer('openssh-sid') ?? findPeer('openssh-10');

describe(`${POLICY}${openssh === null ? ` (${missingPeer('openssh-sid') ?? ''})` : ''}`, () => {
  const command = openssh?.program('ssh') ?? null;
  const t = command === null ? test.skip : test;
  const ssh = (kex: string) => {
    const options = [
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'BatchMode=yes',
      `KexAlgorithms=${kex}`,
    ];
    const args = options.flatMap((option) => ['-o', option]);
    return runProgram([...(command ?? []), '-F', 'none', ...args, '-p', String(server.port), 'x@127.0.0.1', 'true']);
  };

  t('refuses OpenSSH with curve25519-sha256', async () => {
    const { code, stderr } = await ssh('curve25519-sha256');
    expect(code).toBe(255);
    expect(stderr).toContain('no matching key exchange method found');
  });

  t('accepts OpenSSH with mlkem768x25519-sha256', async () => {
    const from = server.log.length;
    await ssh('mlkem768x25519-sha256');
    const line = await logged(from, 'session.negotiated');
    expect((line['kex'] as SessionKex).method).toBe('mlkem768x25519-sha256');
  });
});
