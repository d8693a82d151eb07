// SECURITY.md says what is bounded, by which number, and which test shows it. Here the numbers and the tests are looked up.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../src/config/load.ts';

const root = path.resolve(import.meta.dirname, '../..');
const text = readFileSync(path.join(root, 'SECURITY.md'), 'utf8');

/** `file`, or `file`: "part of the name of a test in it". */
const named = [...text.matchAll(/`(test\/[\w./-]+\.ts)`(?::\s+"([^"]+)")?/g)].map(([, file = '', name = '']) => ({
  file,
  name: name.replaceAll(/\s+/g, ' '),
}));

/** Rows whose first cell is a setting, with the value that they give. */
const settings = [...text.matchAll(/^\| `([\w.]+)` \| ([\d,]+)( MiB)? \|/gm)].map(
  ([, setting = '', digits = '', unit]) => ({
    setting,
    value: Number(digits.replaceAll(',', '')) * (unit === undefined ? 1 : 1024 ** 2),
  }),
);

test('most bounds have a test', () => {
  expect(named.filter(({ name }) => name !== '').length).toBeGreaterThanOrEqual(20);
});

test.each(named)('$file: $name', ({ file, name }) => {
  expect(readFileSync(path.join(root, file), 'utf8').includes(name)).toBe(true);
});

describe('the defaults', () => {
  const { config } = parseConfig('{"hostKeys":["key"],"storage":{"type":"memory"}}', path.join(root, 'a.json'));

  test('are told', () => {
    expect(settings.length).toBeGreaterThanOrEqual(9);
  });

  test.each(settings)('$setting is $value', ({ setting, value }) => {
    let found: unknown = config;
    for (const name of setting.split('.')) found = (found as Readonly<Record<string, unknown>>)[name];
    expect(found).toBe(value);
  });
});
