import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { CliError } from '../../src/cli/cli-error.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { PartnerHistoryBuilder } from '../../src/telemetry/partner-history.ts';
import { login, SftpChannel } from '../client/sftp-channel.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { policyDirectory } from '../policy/policy-files.ts';
import { negotiated } from '../policy/session-log.ts';
import { PASSWORD, startTestServer } from '../server/test-server.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import { runCommand } from './run-command.ts';

const stranger = parsePrivateKey(generatePrivateKey('ed25519').privateKey);
/** The log of a server that did what these tests look for. */
let log = '';

beforeAll(async () => {
  const server = await startTestServer({ storage: { type: 'memory' } });
  const closed = async (many: number): Promise<void> =>
    until(() => server.log.filter(({ event }) => event === 'session.closed').length === many, 'sessions are over');
  try {
    const client = await login(server.port, 'demo', PASSWORD);
    const sftp = await SftpChannel.open(client);
    await sftp.put('/report.csv', Buffer.alloc(230));
    await sftp.get('/report.csv');
    await expect(sftp.get('/nowhere')).rejects.toThrow();
    client.end();
    await closed(1);
    await expect(login(server.port, 'demo', 'guess')).rejects.toThrow();
    await closed(2);
    const agent = SshTestClient.connect(server.port, { algorithms: MODERN });
    await agent.startAuth();
    await agent.queryKey('demo', stranger, 'ssh-ed25519');
    await agent.queryKey('demo', stranger, 'ssh-rsa');
    agent.end();
    await closed(3);
    await expect(login(server.port, 'reader', 'guess')).rejects.toThrow();
    const silent = SshTestClient.connect(server.port, { algorithms: MODERN });
    await silent.keyExchange();
    silent.end();
    await closed(5);
  } finally {
    await server.stop();
  }
  log = server.log.map((line) => `${JSON.stringify(line)}\n`).join('');
});

const piped = (text: string): { stdin: Readable } => ({ stdin: Readable.from([Buffer.from(text)]) });

describe('latticeport why', () => {
  test('names sessions that ended since their next key exchange would be classical', async () => {
    const msg = 'the session ends: its next key exchange would be classical';
    const line = { event: 'session.rekey-refused', level: 'warn', time: '2026-11-20T08:00:00.000Z', user: 'acme', msg };
    const { output } = await runCommand(['why', 'acme', '-'], piped(`${JSON.stringify(line)}\n`));
    expect(output).toMatch(
      /^Sessions that did not end in good order\n {2}1 {2}last 2026-11-20 08:00:00Z {2}the session ends: its/m,
    );
  });

  test('is one page: logins, failures with reasons and advice, algorithms, the last files', async () => {
    const { output, exitCode } = await runCommand(['why', 'demo', '-'], piped(log));
    expect(exitCode).toBe(0);
    expect(output.split('\n').length).toBeLessThan(60);
    expect(output).toMatch(/^demo: 1 login, 3 failures from 127\.0\.0\.1$/m);
    expect(output).toMatch(/^Logins\n {2}1 {2}last \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}password$/m);
    expect(output).toMatch(/^ {2}1 {2}last .* wrong-password +password$/m);
    const { fingerprint } = stranger.publicKey;
    expect(output).toContain(`wrong-key              publickey ssh-ed25519 ${fingerprint}\n`);
    expect(output).toContain(`algorithm-not-allowed  publickey ssh-ed25519 ${fingerprint} with ssh-rsa\n`);
    expect(output).toMatch(/^ {2}wrong-password: the password is wrong\. Set another/m);
    expect(output).toMatch(/curve25519-sha256 .*aes.*SSH-2\.0-LatticeportTest_1$/m);
    expect(output).toMatch(/PUT +\/report\.csv +230 B \d+ ms$/m);
    expect(output).toMatch(/GET +\/report\.csv +230 B \d+ ms$/m);
    expect(output).toMatch(/OPEN +\/nowhere +No such file/m);
    // A connection that came from there and named nobody may be the same partner.
    expect(output).toMatch(/before a user was named\n {2}1 .*127\.0\.0\.1 +connection closed/m);
    expect(output).not.toContain('reader');
  });

  test('of a certificate it says what the reason leaves open', async () => {
    const key = { algorithm: 'ssh-ed25519-cert-v01@openssh.com', keyType: 'ssh-ed25519-cert-v01@openssh.com' };
    const certificate = { serial: '1', keyId: 'id', caFingerprint: 'SHA256:ca', problem: 'valid before 2026-01-01' };
    const line = { event: 'auth.failure', user: 'demo', method: 'publickey', reason: 'certificate-expired' };
    const text = JSON.stringify({ ...line, ...key, fingerprint: 'SHA256:x', certificate });
    const { output } = await runCommand(['why', 'demo', '-'], piped(`${text}\n`));
    expect(output).toContain(
      'certificate-expired  publickey ssh-ed25519-cert-v01@openssh.com SHA256:x (valid before 2026-01-01)\n',
    );
    expect(output).toContain('certificate-expired: the certificate has expired. The client needs a new one');
  });

  test('of another user it knows what is of that user', async () => {
    const { output } = await runCommand(['why', 'reader', '--json'], piped(log));
    expect(JSON.parse(output)).toMatchObject({
      user: 'reader',
      logins: [],
      failures: [{ count: 1, kind: { reason: 'wrong-password', method: 'password' } }],
      files: [],
    });
  });

  test('reads files, in any order, as one', async () => {
    const lines = log.trimEnd().split('\n');
    const file = (name: string, part: readonly string[]): string => {
      const path = join(policyDirectory(), name);
      writeFileSync(path, `${part.join('\n')}\n`);
      return path;
    };
    const [first, second] = [file('1.log', lines.slice(0, 8)), file('2.log', lines.slice(8))];
    const inOrder = await runCommand(['why', 'demo', '--json', first, second]);
    const fromStdin = await runCommand(['why', 'demo', '--json'], piped(log));
    expect(JSON.parse(inOrder.output)).toEqual(JSON.parse(fromStdin.output));
  });

  test.each([
    ['--since', '1h', 1],
    ['--since', '2026-01-02T00:00:00Z', 1],
    ['--since', '2099-01-01', 0],
  ])('%s %s', async (option, since, logins) => {
    const time = since === '1h' ? new Date().toISOString() : '2026-01-02T00:00:01.000Z';
    const line = (at: string): string =>
      `${JSON.stringify({ event: 'auth.success', time: at, user: 'demo', method: 'password' })}\n`;
    const run = runCommand(
      ['why', 'demo', option, since, '--json'],
      piped(line('2026-01-01T00:00:00.000Z') + line(time)),
    );
    if (logins === 0) await expect(run).rejects.toThrow('say nothing of a user "demo"');
    else expect(JSON.parse((await run).output)).toMatchObject({ logins: [{ count: logins }] });
  });

  test.each(['yesterday', '1x', '', '1'])('--since %j is refused', async (since) => {
    await expect(runCommand(['why', 'demo', '--since', since], piped(log))).rejects.toThrow('expected 30m, 1h');
  });

  test('a name that is not there: an error that tells the nearest', async () => {
    const failed = runCommand(['why', 'Demo'], piped(log));
    await expect(failed).rejects.toThrow(CliError);
    await expect(failed).rejects.toThrow(/nothing of a user "Demo" .*nearest: "demo"/);
    await expect(runCommand(['why', 'demo'], piped('not JSON\n'))).rejects.toThrow('are they JSON logs');
  });

  test('the words of strangers cannot write to the terminal', async () => {
    const hostile = '\u001b]0;owned\u0007\u202e';
    const lines = [
      { event: 'auth.failure', user: 'demo', reason: hostile, method: hostile, fingerprint: hostile },
      { event: 'sftp.rename', user: 'demo', path: hostile, target: hostile, error: hostile },
      { event: 'session.closed', level: 'warn', user: 'demo', msg: hostile },
    ];
    const { output } = await runCommand(
      ['why', 'demo'],
      piped(lines.map((each) => `${JSON.stringify(each)}\n`).join('')),
    );
    expect(output.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

test('whatever the logs hold, what is kept is bounded', () => {
  const builder = new PartnerHistoryBuilder('demo');
  const add = (line: object): void => {
    builder.addLine(JSON.stringify(line));
  };
  for (let i = 0; i < 12_000; i += 1) {
    const time = new Date(1e12 + i * 1000).toISOString();
    const remoteAddress = `192.0.${Math.floor(i / 250)}.${i % 250}`;
    add(negotiated(String(i), { clientVersion: `SSH-2.0-${i}` }));
    add({
      event: 'auth.failure',
      time,
      user: 'demo',
      sessionId: String(i),
      reason: 'wrong-key',
      fingerprint: `${i}`,
      remoteAddress,
    });
    add({ event: 'sftp.remove', time, user: 'demo', activity: 'REMOVE', path: `/${i}` });
    add({ event: 'auth.failure', time, user: `other-${i}`, remoteAddress });
    add({ event: 'session.closed', time, msg: `closed ${i}`, remoteAddress });
  }
  const history = builder.finish();
  expect(history.failures).toHaveLength(1000);
  expect(history.algorithms).toHaveLength(1000);
  expect(history.addresses).toHaveLength(100);
  expect(history.nameless).toHaveLength(100);
  expect(history.otherUsers).toHaveLength(10_000);
  expect(history.files.map(({ path }) => path)).toEqual(Array.from({ length: 10 }, (_, i) => `/${11_990 + i}`));
  expect(history.failures[0]?.kind.fingerprint).toBe('11999');
});
