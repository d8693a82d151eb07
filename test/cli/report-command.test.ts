import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { CliError } from '../../src/cli/cli-error.ts';
import { policyDirectory } from '../policy/policy-files.ts';
import { closed, login, negotiated } from '../policy/session-log.ts';
import { runCommand } from './run-command.ts';

const lines = (...objects: object[]): string => objects.map((object) => `${JSON.stringify(object)}\n`).join('');

const LOG = lines(
  ...[negotiated('1', { clientVersion: 'SSH-2.0-OpenSSH_10.6' }), login('1', 'alice'), closed('1')],
  ...[negotiated('2', { clientVersion: 'SSH-2.0-OpenSSH_10.6' }), login('2', 'bob'), closed('2')],
  ...[
    negotiated('3', { clientVersion: 'SSH-2.0-old <b>client</b>', classical: true, time: '2026-11-20T08:00:00.000Z' }),
    login('3', 'partner'),
    closed('3'),
  ],
);

function logFile(name: string, content: string | Buffer): string {
  const file = join(policyDirectory(), name);
  writeFileSync(file, content);
  return file;
}

describe('report', () => {
  test('draws the shares and lists who would be cut off', async () => {
    const { output, exitCode } = await runCommand(['report', logFile('a.log', LOG)]);
    expect(exitCode).toBe(0);
    expect(output).toMatch(/^3 sessions, 66.7% post-quantum$/m);
    expect(output).toMatch(/^ {2}SSH-2\.0-OpenSSH_10\.6 +█+ +2 \(100% PQ\)$/m);
    expect(output).toMatch(/^ {2}SSH-2\.0-old <b>client<\/b> +░+ +1 \(0% PQ\)$/m);
    expect(output).toMatch(/^ {2}partner +SSH-2\.0-old <b>client<\/b> +1 +2026-11-20T08:00:00\.000Z +no PQ$/m);
    expect(output).not.toContain('\u001b');
  });

  test('says of how many the server insisted', async () => {
    const log = logFile('insisted.log', lines(negotiated('1', { insistedOver: 'curve25519-sha256' }), login('1', 'a')));
    const { output } = await runCommand(['report', log]);
    expect(output).toMatch(/^1 is post-quantum since the server insisted: the client prefers a classical method$/m);
  });

  test('one session is not "1 sessions"', async () => {
    const page = join(policyDirectory(), 'one.html');
    const log = logFile('one.log', `${lines(negotiated('9', {}), login('9', 'alice'))}not JSON\n`);
    const { output } = await runCommand(['report', log, '--html', page]);
    expect(output).toMatch(/^1 session, /m);
    expect(output).toMatch(/^1 line that is no JSON log line was left out$/m);
    const html = readFileSync(page, 'utf8');
    expect(html).toMatch(/<title>.* of 1 session<\/title>/);
    expect(html).toContain('of 1 session was post-quantum.');
    expect(html).toContain('0 sessions never logged in. 0 were classical');
    expect(html).toContain('1 unreadable line left out');
  });

  test('reads standard input, several files, and packed ones', async () => {
    const fromStdin = await runCommand(['report', '--json'], { stdin: Readable.from([Buffer.from(LOG)]) });
    const packed = await runCommand(['report', '--json', logFile('a.log.gz', gzipSync(LOG))]);
    expect(JSON.parse(fromStdin.output)).toEqual(JSON.parse(packed.output));
    const second = lines(negotiated('9', {}), login('9', 'alice'));
    const both = await runCommand(['report', '--json', logFile('a.log', LOG), logFile('b.log', second)]);
    expect(JSON.parse(both.output)).toMatchObject({ total: { sessions: 4, pq: 3 } });
  });

  test('lines may come in pieces, and the last without an end', async () => {
    const bytes = Buffer.from(LOG.trimEnd());
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) =>
      bytes.subarray(index * 7, index * 7 + 7),
    );
    const { output } = await runCommand(['report', '--json'], { stdin: Readable.from(pieces) });
    expect(JSON.parse(output)).toMatchObject({ total: { sessions: 3 }, unreadableLines: 0, withoutLogin: 0 });
  });

  test('--html writes one page that needs nothing else, with every name escaped', async () => {
    const page = join(policyDirectory(), 'report.html');
    await runCommand(['report', logFile('a.log', LOG), '--html', page]);
    const html = readFileSync(page, 'utf8');
    expect(html).toContain('66.7%');
    expect(html).toContain('SSH-2.0-old &lt;b&gt;client&lt;/b&gt;');
    expect(html).not.toContain('<b>client');
    expect(html).not.toMatch(/<script|<link|<img|https?:|@import|url\(/i);
  });

  test('a client version cannot write escape sequences to the terminal', async () => {
    const log = lines(
      negotiated('1', { clientVersion: 'SSH-2.0-\u001b]0;owned\u0007', classical: true }),
      login('1', 'a\u009b'),
    );
    const { output } = await runCommand(['report', logFile('a.log', log)]);
    expect(output.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(output).toContain('SSH-2.0-?]0;owned?');
  });

  test('--strict exits with 3 where a partner would be cut off', async () => {
    expect((await runCommand(['report', '--strict', logFile('a.log', LOG)])).exitCode).toBe(3);
    const ready = lines(negotiated('1', {}), login('1', 'alice'));
    const { output, exitCode } = await runCommand(['report', '--strict', logFile('a.log', ready)]);
    expect(exitCode).toBe(0);
    expect(output).toContain('would cut nobody off');
  });

  test('--top bounds the rows', async () => {
    const many = lines(
      ...Array.from({ length: 30 }, (_, index) => negotiated(String(index), { clientVersion: `client ${index}` })),
    );
    const { output } = await runCommand(['report', '--top', '5', logFile('a.log', many)]);
    expect(output).toContain('… and 25 more');
  });

  test.each([
    ['a log without sessions', ['/dev/null'], /no session.negotiated line/],
    ['a file that is not there', ['/nowhere/x.log'], /\/nowhere\/x.log cannot be read: .*ENOENT/],
    ['a page that cannot be written', ['-', '--html', '/nowhere/x.html'], /cannot be written/],
  ])('%s is an error', async (_what, args, message) => {
    const stdin = Readable.from([Buffer.from(LOG)]);
    const failed = runCommand(['report', ...args], { stdin });
    await expect(failed).rejects.toThrow(CliError);
    await expect(failed).rejects.toThrow(message);
  });

  test('a packed file that is not packed is an error', async () => {
    await expect(runCommand(['report', logFile('a.gz', 'plain')])).rejects.toThrow(CliError);
  });
});
