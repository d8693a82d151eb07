// Builds of one's own that the environment names: OQS_OPENSSH_DIR and WOLFSSH_DIR.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findPeer, findProgram } from '../peers/peers.ts';
import { wolfssh } from './clients/wolfssh.ts';

let folder = '';
const program = (path: string, text: string): void => {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
};

beforeAll(() => {
  // What a run of jest has found out once for all files knows nothing of these folders.
  delete process.env['LATTICEPORT_TEST_SERVERS'];
  folder = mkdtempSync(join(tmpdir(), 'latticeport-named-'));
  // As wolfSSH's examples: away from the root of their source they say nothing.
  const atHome = '[ -f keys/server-key.pem ] || exit 1';
  mkdirSync(join(folder, 'wolfssh/keys'), { recursive: true });
  writeFileSync(join(folder, 'wolfssh/keys/server-key.pem'), '');
  program('wolfssh/examples/client/client', `${atHome}\necho 'client 1.4.20'`);
  program('wolfssh/examples/sftpclient/wolfsftp', `${atHome}\ncat; pwd`);
  program('oqs/sftp', 'true');
  program('oqs/ssh', `echo 'OpenSSH_10.3-2026-05_, OpenSSL 3.5' >&2`);
  // Relative to the folder where the runner is started.
  process.env['WOLFSSH_DIR'] = relative(process.cwd(), join(folder, 'wolfssh'));
  process.env['OQS_OPENSSH_DIR'] = relative(process.cwd(), join(folder, 'oqs'));
});
afterAll(() => {
  delete process.env['WOLFSSH_DIR'];
  delete process.env['OQS_OPENSSH_DIR'];
  rmSync(folder, { recursive: true, force: true });
});

describe('wolfSSH', () => {
  test('its version is found, and it is told to work where it finds its files', async () => {
    expect(findPeer('wolfssh')).toMatchObject({ version: '1.4.20', directory: join(folder, 'wolfssh') });
    const client = wolfssh();
    expect(client.version).toBe('1.4.20');
    const login = { host: '127.0.0.1', port: 1, user: 'x', key: null, password: 'x', kex: null, scratch: folder };
    const hostKey = { type: 'ed25519', path: '', publicPath: '', publicLine: '', fingerprint: '' } as const;
    const finished = await client.run({ ...login, hostKey }, [{ do: 'mkdir', remote: '/x' }], 20_000);
    expect(finished).toMatchObject({ code: 0, stdout: `mkdir /x\nquit\n${join(folder, 'wolfssh')}\n` });
  });
});

test('OQS OpenSSH: a relative folder is made absolute, also for the ssh that its sftp starts', () => {
  expect(findPeer('openssh-oqs')?.version).toBe('10.3-2026-05_');
  expect(findProgram('oqs-openssh', 'sftp')).toEqual([join(folder, 'oqs/sftp'), '-S', join(folder, 'oqs/ssh')]);
});
