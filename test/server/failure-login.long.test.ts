// Logins that must fail, with the real sftp: what the person sees, what the operator sees.
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Finished } from '../peers/process.ts';
import { FailureSite } from './failure-site.ts';
import { findSftp } from './openssh-sftp.ts';

const client = findSftp();
const t = client === null ? test.skip : test;
let site: FailureSite;

beforeAll(async () => {
  if (client !== null) site = await FailureSite.start(client);
});

afterAll(async () => {
  if (client !== null) expect(await site.stop()).toBe('exit status 0');
});

/** One try with this password: ssh asks a program for it where there is no terminal. */
async function withPassword(user: string, password: string): Promise<Finished> {
  const askpass = path.join(site.folder, 'askpass');
  writeFileSync(askpass, `#!/bin/sh\necho '${password}'\n`);
  chmodSync(askpass, 0o700);
  return site.sftp('ls\n', {
    user,
    options: ['BatchMode=no', 'NumberOfPasswordPrompts=1', 'PreferredAuthentications=password'],
    env: { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' },
  });
}

/** The line about a failure that the next call causes. */
function nextFailure(): () => Promise<unknown> {
  const from = site.server.log().length;
  return async () => site.server.logged(({ event }) => event === 'auth.failure', { from });
}

describe('OpenSSH sftp', () => {
  t('the right password and the right key are let in', async () => {
    expect(await withPassword(site.identity.user, site.identity.password)).toMatchObject({ code: 0 });
    expect(await site.sftp('ls\n')).toMatchObject({ code: 0 });
  });

  t('a wrong password, and an unknown user: the same words', async () => {
    let failure = nextFailure();
    const wrong = await withPassword(site.identity.user, 'guess');
    expect(await failure()).toMatchObject({ level: 'warn', user: site.identity.user, reason: 'wrong-password' });
    failure = nextFailure();
    const unknown = await withPassword('nobody', 'guess');
    expect(await failure()).toMatchObject({ level: 'warn', user: 'nobody', reason: 'unknown-user' });
    for (const { code, stderr } of [wrong, unknown]) {
      expect(code).toBe(255);
      expect(stderr).toContain('Permission denied (publickey,password).');
    }
    expect(wrong.stderr.replaceAll(site.identity.user, 'U')).toBe(unknown.stderr.replaceAll('nobody', 'U'));
  });

  t('a wrong key, and an unknown user with a known key', async () => {
    let failure = nextFailure();
    const wrong = await site.sftp('ls\n', { key: site.identity.strangerKey.path });
    expect(await failure()).toMatchObject({
      user: site.identity.user,
      method: 'publickey',
      reason: 'wrong-key',
      fingerprint: site.identity.strangerKey.fingerprint,
    });
    failure = nextFailure();
    const unknown = await site.sftp('ls\n', { user: 'nobody' });
    expect(await failure()).toMatchObject({ user: 'nobody', reason: 'unknown-user' });
    for (const { code, stderr } of [wrong, unknown]) {
      expect(code).toBe(255);
      expect(stderr).toContain('Permission denied (publickey,password).');
    }
  });

  t('no secret is in the log', () => {
    const log = JSON.stringify(site.server.log());
    expect(log).not.toContain('guess');
    expect(log).not.toContain(site.identity.password);
  });

  t('failures leave nothing open', async () => {
    await site.settle(Buffer.from('old'));
    await withPassword('nobody', 'guess');
    await site.sftp('ls\n', { key: site.identity.strangerKey.path });
    await site.expectNothingLeft(['file']);
  });
});
