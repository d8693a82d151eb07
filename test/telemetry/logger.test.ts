import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createLogger } from '../../src/telemetry/logger.ts';

const HOSTILE = '/a\n[12:00:00.000] INFO: root logged in\u001b[2J\u009b31m\u2028x';

test('JSON: one line, time and level as words', () => {
  const stream = new PassThrough();
  createLogger({ level: 'info', format: 'json' }, stream).info({ event: 'x', path: HOSTILE }, HOSTILE);
  const lines = (stream.read() as Buffer).toString('utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  expect(line).toMatchObject({ level: 'info', event: 'x', path: HOSTILE, msg: HOSTILE });
  expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
});

test("pretty: a client's control characters cannot forge a line or move the cursor", () => {
  const stream = new PassThrough();
  createLogger({ level: 'info', format: 'pretty' }, stream).info({ event: 'x', path: HOSTILE }, HOSTILE);
  const text = (stream.read() as Buffer).toString('utf8');
  expect(text).not.toMatch(/\n\[12:00:00\.000\] INFO: root/);
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028]/u);
  expect(text).toContain('\\x1b[2J');
});
