// Which programs count as peers: on machines that have none, older, newer or incomplete ones.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { makePrograms, says } from './fake-programs.ts';
import { PEERS, type PeerName } from './peer-table.ts';
import { lookForPeer, type Found } from './peers.ts';
import { compareVersions, whyNotIn } from './versions.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'latticeport-peers-test-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const peersFolder = (): string => join(directory, 'peers');

/** Looks on a machine that has these programs on its PATH and nothing else, and what is in its peers folder. */
function look(name: PeerName, scripts: Readonly<Record<string, string>>): Found {
  const bin = join(directory, 'bin');
  makePrograms(bin, scripts);
  return lookForPeer(name, { PATH: bin, HOME: directory, LATTICEPORT_PEERS: peersFolder() });
}

const openssh = (version: string): Record<string, string> => ({
  sftp: 'exit 1',
  scp: 'exit 1',
  'ssh-keygen': 'exit 1',
  ssh: says(`OpenSSH_${version} Debian-2, OpenSSL 3.0.22 25 Aug 2026`),
});
const putty = (version: string): Record<string, string> => ({
  psftp: says(`psftp: Release ${version}`),
  ...{ pscp: 'exit 1', plink: 'exit 1', puttygen: 'exit 1' },
});
const CURL = 'curl 8.23.0 (x86_64-pc-linux-gnu) libcurl/8.23.0 OpenSSL/3.6.5 libssh2/1.11.1\nProtocols: file sftp tftp';

test('a machine without any has no peer but those whose folder somebody names', () => {
  const home = join(directory, 'wolfssh');
  makePrograms(home, { 'examples/sftpclient/wolfsftp': 'exit 0' });
  const empty = { PATH: directory, LATTICEPORT_PEERS: peersFolder() };
  const machine = Object.keys(PEERS).filter((name) => !name.startsWith('sshd') && name !== 'postgresql') as PeerName[]; // those are not in the PATH
  for (const name of machine) {
    expect(lookForPeer(name, empty)).toEqual({ missing: `${name} is not installed` });
  }
  expect(lookForPeer('wolfssh', { ...empty, WOLFSSH_DIR: home })).toMatchObject({ version: 'unknown' });
});

// What a Debian 12 has of its own.
test.each<[PeerName, string, Record<string, string>]>([
  ['openssh-sid', '9.2p1', openssh('9.2p1')],
  ['asyncssh', '2.10.1', { python3: says('2.10.1') }],
  ['paramiko', '2.12.0', { python3: says('2.12.0') }],
  ['libssh', '0.10.6', { python3: says('0.10.6/openssl/zlib') }],
  ['putty', '0.78', putty('0.78')],
  ['rclone', '1.60.1', { rclone: says('rclone v1.60.1-DEV') }],
  ['ssh-audit', '2.5.0', { 'ssh-audit': says('# ssh-audit 2.5.0, https://github.com/jtesta/ssh-audit') }],
  ['curl', '7.88.1', { curl: says(CURL.replaceAll('8.23.0', '7.88.1')) }],
  ['openssh-machine', '7.9p1', openssh('7.9p1')],
  ['tshark', '2.6.20', { tshark: says('TShark (Wireshark) 2.6.20 (Git v2.6.20)'), dumpcap: 'exit 1' }],
  ['moto', '4.0.9', { moto_server: 'exit 1', python3: says('4.0.9') }],
])('%s %s is too old', (name, version, scripts) => {
  expect(look(name, scripts)).toEqual({
    missing: expect.stringMatching(new RegExp(`^${name} ${version}\\S* is too old, `)) as unknown,
  });
});

test.each<[PeerName, string, Record<string, string>]>([
  ['openssh-machine', '11.0p1', openssh('11.0p1')],
  ['asyncssh', '3.0.0', { python3: says('3.0.0') }],
  ['putty', '1.00', putty('1.00')],
])('%s %s is too new', (name, version, scripts) => {
  expect(look(name, scripts)).toEqual({
    missing: expect.stringContaining(`${name} ${version} is too new, `) as unknown,
  });
});

test.each<[PeerName, string, Record<string, string>]>([
  ['putty', 'without puttygen', { ...putty('0.85'), puttygen: '' }],
  ['openssh-machine', 'without ssh-keygen', { ...openssh('9.2p1'), 'ssh-keygen': '' }],
  ['moto', 'whose module is not there', { moto_server: 'exit 1', python3: 'echo ModuleNotFoundError >&2; exit 1' }],
  ['asyncssh', 'whose cryptography has no ML-KEM', { python3: 'exit 0' }],
  ['curl', 'without SFTP', { curl: says(CURL.replace(' sftp', '')) }],
  ['curl', 'with another SSH library', { curl: says(CURL.replace('libssh2', 'libssh')) }],
  ['rclone', 'that cannot be run', { rclone: 'kill -9 $$' }],
  ['radosgw', 'without its cluster', { radosgw: says('ceph version 16.2.15 (618f4404) pacific (stable)') }],
])('%s %s is incomplete', (name, _, scripts) => {
  const present = Object.fromEntries(Object.entries(scripts).filter(([, lines]) => lines !== ''));
  expect(look(name, present)).toEqual({ missing: expect.stringMatching(/incomplete/) as unknown });
});

describe('where there is no sid root', () => {
  test("the machine's own program counts where it is new enough, with its other programs", () => {
    expect(look('openssh-sid', openssh('10.6p1'))).toEqual({
      home: 'machine',
      version: '10.6p1',
      command: [join(directory, 'bin', 'sftp')],
    });
    expect(look('putty', putty('0.85'))).toMatchObject({ home: 'machine', version: '0.85' });
    expect(look('curl', { curl: says(CURL) })).toMatchObject({ home: 'machine', version: '8.23.0' });
  });

  test('nothing of the machine counts as the OpenSSH of the backports', () => {
    expect(look('openssh-10', openssh('10.0p2'))).toEqual({ missing: 'openssh-10 is not installed' });
  });
});

test("where there is a sid root, nothing of the machine's own counts for it", () => {
  mkdirSync(join(peersFolder(), 'sid', 'usr', 'bin'), { recursive: true });
  expect(look('openssh-sid', openssh('10.6p1'))).toEqual({ missing: 'openssh-sid is not installed' });
});

test('versions are compared by their numbers', () => {
  const inOrder = ['8.5', '9.2p1', '9.10', '10', '10.0.1', '10.6p1', '2026.94'];
  expect([...inOrder].reverse().sort(compareVersions)).toEqual(inOrder);
  expect(compareVersions('10.0p2', '10')).toBe(0);
  expect(whyNotIn('10.0p2', { from: '10.0', below: '11' })).toBeNull();
  expect(whyNotIn('11', { from: '10.0', below: '11' })).toMatch(/too new/);
  expect(whyNotIn('12', { from: '10.0' })).toBeNull();
  expect(whyNotIn('git-main', { from: '10.0' })).toMatch(/no version/);
});
