// What a person sees in a packet capture of the post-quantum exchange: the line of docs/clients.md, run as it stands there.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KEX_BY_NAME } from '../../src/crypto/algorithms/algorithm-table.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { mustRun, ServerProcess } from '../peers/process.ts';
import { makeIdentity } from './identity.ts';
import type { RunningServer } from './server-harness.ts';
import { startLatticeport } from './server-harness.ts';

const METHODS = [
  'ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org',
  'mlkem768x25519-sha256',
  'mlkem1024nistp384-sha384',
] as const;

const tshark = findPeer('tshark');
const interfaces = tshark === null ? '' : spawnSync('tshark', ['-D'], { encoding: 'utf8', timeout: 20_000 }).stdout;
const given = /\blo\b/.test(interfaces) ? describe : describe.skip;

given(`${missingPeer('tshark') ?? 'tshark'} shows the size of the public value that the client sends`, () => {
  let directory = '';
  let server: RunningServer;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'latticeport-capture-'));
    const identity = await makeIdentity(join(directory, 'keys'));
    server = await startLatticeport({ directory, identity });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test.each(METHODS)('%s', async (method) => {
    const file = join(directory, `${method}.pcap`);
    const { port } = server;
    const capture = new ServerProcess(['tshark', '-i', 'lo', '-f', `tcp port ${port}`, '-w', file]);
    await capture.said('Capture started');
    const client = SshTestClient.connect(port, {
      algorithms: {
        kex: [method],
        hostKeys: ['ssh-ed25519'],
        ciphers: ['aes128-gcm@openssh.com'],
        macs: ['hmac-sha2-256'],
      },
    });
    await client.keyExchange();
    client.end();
    await client.whenClosed();
    const line = [
      '-d',
      `tcp.port==${port},ssh`,
      '-Y',
      'ssh.message_code == 30',
      '-T',
      'fields',
      '-e',
      'ssh.mpint_length',
    ];
    // The capture reaches the file a moment after the packets.
    const deadline = performance.now() + 15_000;
    let printed = '';
    while (printed === '' && performance.now() < deadline) {
      const { stdout } = await mustRun(['sh', '-c', 'exec tshark "$@" 2>/dev/null || true', 'sh', '-r', file, ...line]);
      printed = stdout.trim();
    }
    await capture.stop('SIGINT');
    expect(printed).toBe(String(KEX_BY_NAME.get(method)?.initBytes));
  });
});
