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

/** C0, DEL, C1, what changes the direction of text, and line separators. */
const ACTS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const STRANGER = 'SSH-2.0-x\u009b2J\u0085y\u202egpj.exe\u2066z\u200f\u061c\u007f';

test('JSON: no character acts on a terminal, and the line says the same', () => {
  const stream = new PassThrough();
  const log = createLogger({ level: 'info', format: 'json' }, stream).child({ user: STRANGER });
  log.info({ nested: { clientVersion: [STRANGER] }, [STRANGER]: 1, err: new Error(STRANGER) }, STRANGER);
  const text = (stream.read() as Buffer).toString('utf8').trimEnd();
  expect(text).not.toMatch(ACTS);
  const line = JSON.parse(text) as { err: { message: string } };
  expect(line).toMatchObject({ user: STRANGER, nested: { clientVersion: [STRANGER] }, [STRANGER]: 1, msg: STRANGER });
  expect(line.err.message).toBe(STRANGER);
});

test('pretty: no character acts, wherever it stands: in fields within fields, names, errors, what a session always says', () => {
  const stream = new PassThrough();
  const log = createLogger({ level: 'info', format: 'pretty', verbose: true }, stream).child({ user: STRANGER });
  const error = new Error(`${STRANGER}\n[12:00:00.000] INFO: root logged in`, { cause: new Error(STRANGER) });
  log.info({ nested: { clientVersion: [STRANGER] }, [STRANGER]: 1, err: error }, STRANGER);
  const shown = (stream.read() as Buffer).toString('utf8');
  // Node's own lines of a stack are kept as lines, the message's are not.
  expect(shown.split('\n').length).toBeGreaterThan(8);
  expect(shown.replaceAll('\n', '')).not.toMatch(ACTS);
  expect(shown).not.toMatch(/^\[12:00:00\.000\]/m);
  expect(shown).toContain('x9b2J');
  expect(shown).toContain('u202egpj.exe');
});
