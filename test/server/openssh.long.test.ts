import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KEX_BY_NAME } from '../../src/crypto/algorithms/algorithm-table.ts';
import { isAead } from '../../src/crypto/cipher/cipher-constructors.ts';
import type { Peer } from '../peers/peers.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { run } from './run.ts';
import type { TestServer } from './test-server.ts';
import { startTestServer } from './test-server.ts';

/** Offers everything that this build has, so that one server serves the whole loop. */
const EVERYTHING = 'TransferPQSecurityPolicy-Test-Everything';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function query(ssh: readonly string[], what: string): string[] {
  const [program = '', ...args] = ssh;
  const result = spawnSync(program, [...args, '-Q', what], { encoding: 'utf8' });
  return result.stdout.split('\n').filter((line) => line !== '');
}

/** Names that the peer and this build both have. */
function common(ssh: readonly string[] | null, what: 'kex' | 'cipher' | 'mac', ours: readonly string[]): string[] {
  return ssh === null ? [] : query(ssh, what).filter((name) => ours.includes(name));
}

const everything = JSON.parse(readFileSync(new URL('./policies/everything.json', import.meta.url), 'utf8')) as {
  SecurityPolicy: { SshKexs: string[]; SshCiphers: string[]; SshMacs: string[] };
};

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    securityPolicy: EVERYTHING,
    policyDirectories: [path.join(import.meta.dirname, 'policies')],
  });
});

afterAll(async () => {
  await server.stop();
});

/** Puts a file and gets it back under the given options; compares both copies. */
async function roundTrip(peer: Peer, options: readonly string[], bytes = randomBytes(70_000)): Promise<void> {
  const id = randomBytes(4).toString('hex');
  const up = path.join(server.folder, `up-${id}`);
  const down = path.join(server.folder, `down-${id}`);
  writeFileSync(up, bytes);
  const ssh = peer.program('ssh');
  const batch = `put ${up} /file-${id}\nget /file-${id} ${down}\nrm /file-${id}\n`;
  const result = await run(
    [
      ...peer.command,
      ...(ssh?.length === 1 ? ['-S', ssh[0] ?? 'ssh'] : []),
      '-F',
      'none',
      '-o',
      `UserKnownHostsFile=${server.knownHosts}`,
      '-o',
      'StrictHostKeyChecking=yes',
      '-o',
      'BatchMode=yes',
      '-i',
      server.userKey('ed25519'),
      '-P',
      String(server.port),
      ...options.flatMap((option) => ['-o', option]),
      '-b',
      '-',
      'demo@127.0.0.1',
    ],
    { input: batch, timeout: 40_000 },
  );
  if (result.status !== 0)
    throw new Error(`sftp ended with ${String(result.status)}: ${result.stderr}\n${result.stdout}`);
  expect(sha256(readFileSync(down))).toBe(sha256(bytes));
  expect(existsSync(path.join(server.data, `file-${id}`))).toBe(false);
}

describe.each(['openssh-machine', 'openssh-10'] as const)('%s', (name) => {
  const peer = findPeer(name);
  if (peer === null) {
    test.skip(missingPeer(name) ?? name, () => undefined);
    return;
  }
  const ssh = peer.program('ssh');
  const kexNames = common(ssh, 'kex', everything.SecurityPolicy.SshKexs);
  const ciphers = common(ssh, 'cipher', everything.SecurityPolicy.SshCiphers);
  const macs = common(ssh, 'mac', everything.SecurityPolicy.SshMacs);
  const pairs = ciphers.flatMap((cipher): [string, string | null][] =>
    isAead(cipher) ? [[cipher, null]] : macs.map((mac) => [cipher, mac]),
  );

  test('the lists in common are as long as expected', () => {
    expect(kexNames.length).toBeGreaterThanOrEqual(9);
    expect(kexNames.some((kex) => KEX_BY_NAME.get(kex)?.family === 'pq-hybrid')).toBe(true);
    expect(pairs.length).toBeGreaterThanOrEqual(3 + 3 * 10);
  });

  test.each(kexNames)('kex %s', async (kex) => {
    const before = server.log.length;
    await roundTrip(peer, [`KexAlgorithms=${kex}`]);
    const line = server.log.slice(before).find((entry) => entry.event === 'session.negotiated');
    expect(line).toMatchObject({ kex: { method: kex, family: KEX_BY_NAME.get(kex)?.family } });
  });

  test.each(pairs)('cipher %s, MAC %s', async (cipher, mac) => {
    await roundTrip(peer, [`Ciphers=${cipher}`, ...(mac === null ? [] : [`MACs=${mac}`])]);
  });

  test.each(ciphers)('rekey every 256 KiB in mid-transfer, cipher %s', async (cipher) => {
    const before = server.log.length;
    await roundTrip(peer, [`Ciphers=${cipher}`, 'RekeyLimit=256k'], randomBytes(3 * 1024 * 1024));
    const rekeys = server.log.slice(before).filter((entry) => entry.event === 'session.rekeyed');
    expect(rekeys.length).toBeGreaterThanOrEqual(10);
  });

  test.each([
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-256',
    'rsa-sha2-512',
  ])('host key %s', async (algorithm) => {
    await roundTrip(peer, [`HostKeyAlgorithms=${algorithm}`]);
  });

  test.each(['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa'] as const)('user key %s', async (type) => {
    const before = server.log.length;
    await roundTrip(peer, ['IdentitiesOnly=yes', `IdentityFile=${server.userKey(type)}`]);
    expect(server.log.slice(before).some((entry) => entry.event === 'auth.success')).toBe(true);
  });
});
