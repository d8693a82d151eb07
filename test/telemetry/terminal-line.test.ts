import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { createLogger, type Logger } from '../../src/telemetry/logger.ts';
import { bytesInWords, millisecondsInWords } from '../../src/telemetry/terminal-line.ts';

/** What the terminal shows, a line each, without the time. */
function shown(write: (log: Logger) => void, verbose = false): string[] {
  const stream = new PassThrough();
  write(createLogger({ level: 'info', format: 'pretty', verbose }, stream));
  const text = ((stream.read() as Buffer | null) ?? Buffer.alloc(0)).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''));
}

const acme = { sessionId: 'f00', remoteAddress: '127.0.0.1', user: 'acme' };
const close = { event: 'sftp.close', activity: 'CLOSE', path: '/a.txt', bytesRead: 0, bytesWritten: 0 };

describe('one line an event', () => {
  test('an upload is who, from where, what, how much and how long', () => {
    const stream = new PassThrough();
    const log = createLogger({ level: 'info', format: 'pretty' }, stream).child(acme);
    log.info({ ...close, bytesWritten: 230, milliseconds: 12 }, 'CLOSE /a.txt');
    expect((stream.read() as Buffer).toString()).toMatch(
      /^\d\d:\d\d:\d\d acme 127\.0\.0\.1 PUT \/a\.txt 230 B 12 ms\n$/,
    );
  });

  test.each<[string, object, string]>([
    ['a download', { ...close, bytesRead: 3_500_000, milliseconds: 1500 }, 'GET /a.txt 3.3 MiB 1.5 s'],
    ['a file of which nothing moved', { ...close, milliseconds: 1 }, 'CLOSE /a.txt 0 B 1 ms'],
    [
      'an upload that broke off',
      { ...close, event: 'sftp.partial-close', activity: 'PARTIAL_CLOSE', bytesWritten: 5, outcome: 'stored' },
      'PARTIAL_CLOSE /a.txt 5 B stored',
    ],
    ['a rename', { event: 'sftp.rename', activity: 'RENAME', path: '/a', target: '/b' }, 'RENAME /a → /b'],
    ['a new directory', { event: 'sftp.mkdir', activity: 'MKDIR', path: '/d' }, 'MKDIR /d'],
  ])('%s', (_, fields, text) => {
    expect(shown((log) => log.child(acme).info(fields, 'x'))).toEqual([`acme 127.0.0.1 ${text}`]);
  });

  test('what fails has its level and its reason', () => {
    const fields = { event: 'sftp.open', activity: 'OPEN', path: '/a', status: 3, error: 'No.' };
    expect(shown((log) => log.child(acme).warn(fields, 'OPEN /a: No.'))).toEqual(['WARN acme 127.0.0.1 OPEN /a: No.']);
    const err = new Error('no route to host');
    expect(shown((log) => log.error({ event: 'x', err }, 'the store is gone'))).toEqual([
      'ERROR the store is gone (no route to host)',
    ]);
  });

  test('the opening of a file is told by its close', () => {
    const fields = { event: 'sftp.open', activity: 'OPEN', path: '/a', modes: ['READ'] };
    expect(shown((log) => log.child(acme).info(fields, 'OPEN /a'))).toEqual([]);
  });

  test('a login says with what', () => {
    const key = {
      method: 'publickey',
      keyType: 'ssh-rsa',
      fingerprint: 'SHA256:x',
      signatureAlgorithm: 'rsa-sha2-512',
    };
    expect(shown((log) => log.child(acme).info({ event: 'auth.success', ...key }, 'logged in'))).toEqual([
      'acme 127.0.0.1 logged in (publickey rsa-sha2-512 ssh-rsa SHA256:x)',
    ]);
  });

  test('and with whose certificate, and what is wrong with it', () => {
    const certificate = { keyId: 'a "b', serial: '18446744073709551615', caFingerprint: 'SHA256:ca' };
    const key = { method: 'publickey', keyType: 'ssh-ed25519-cert-v01@openssh.com', fingerprint: 'SHA256:x' };
    const words = 'certificate "a \\"b" 18446744073709551615 of SHA256:ca';
    const log = (fields: object) => shown((to) => to.child(acme).info({ ...key, ...fields }, 'x'));
    expect(log({ event: 'auth.success', certificate })).toEqual([
      `acme 127.0.0.1 x (publickey ssh-ed25519-cert-v01@openssh.com SHA256:x) ${words}`,
    ]);
    expect(log({ event: 'auth.failure', certificate: { ...certificate, problem: 'it has bob' } })).toEqual([
      `acme 127.0.0.1 x (publickey ssh-ed25519-cert-v01@openssh.com SHA256:x) ${words}: it has bob`,
    ]);
  });

  test("the store's events keep what they are about", () => {
    const fields = { event: 'storage.S3_RETRY', operation: 'PutObject', attempt: 1, nested: { not: 'shown' } };
    expect(shown((log) => log.info(fields, 'S3_RETRY'))).toEqual(['S3_RETRY operation=PutObject attempt=1']);
  });

  test('control characters of a client are visible and harmless, in whatever field', () => {
    const kex = { clientVersion: 'SSH-2.0-\u001b[2J' };
    const [line = '', ...more] = shown((log) => log.info({ ...acme, event: 'session.negotiated', kex }, 'a\nb'));
    expect(more).toEqual([]);
    expect(line).toContain('\\x1b[2J');
    expect(line).not.toMatch(/\p{Cc}/u);
  });

  test('verbose: the whole object', () => {
    const stream = new PassThrough();
    createLogger({ level: 'info', format: 'pretty', verbose: true }, stream).info({ ...acme, ...close }, 'x');
    expect((stream.read() as Buffer).toString()).toContain('sessionId: "f00"');
  });
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [5 * 1024 ** 4, '5 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesInWords(bytes)).toBe(text);
});

test.each([
  [12.4, '12 ms'],
  [1500, '1.5 s'],
  [200_000, '3 min 20 s'],
])('%d milliseconds are %s', (milliseconds, text) => {
  expect(millisecondsInWords(milliseconds)).toBe(text);
});
