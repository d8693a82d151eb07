import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { CapturedKexInit } from '../../scripts/parse-kexinit.ts';
import { CLIENT_PRESETS, findClientPreset } from '../../src/policy/client-presets.ts';
import { captureOffer, REAL_CLIENTS } from './real-clients.ts';

describe('presets are what the real clients send', () => {
  for (const client of REAL_CLIENTS) {
    const t = client.command !== null && client.isPresetVersion ? test : test.skip;
    t(`${client.preset} (${client.missing ?? client.version ?? ''})`, async () => {
      const { version, ...offer } = await captureOffer(client);
      expect(offer).toEqual(findClientPreset(client.preset)?.offer);
      expect(version).toMatch(/^SSH-2\.0-/);
    });
  }
});

test.each([
  ['oqs-openssh', 'oqs-openssh-10.3.json'],
  ['wolfssh-1.4', 'wolfssh-1.4.20.json'],
  ['wolfssh-1.5', 'wolfssh-master-1.5.0.json'],
])('%s is what was captured of a build (test/vectors/captures/%s)', (name, file) => {
  const text = readFileSync(join(import.meta.dirname, '../vectors/captures', file), 'utf8');
  const { version, ...offer } = JSON.parse(text) as CapturedKexInit;
  const preset = findClientPreset(name);
  expect(preset?.offer).toEqual(offer);
  expect(`SSH-2.0-${preset?.version ?? ''}`).toBe(version);
});

test('presets have names of their own, and lists without empty or doubled names', () => {
  expect(new Set(CLIENT_PRESETS.map(({ name }) => name)).size).toBe(CLIENT_PRESETS.length);
  for (const { offer } of CLIENT_PRESETS) {
    for (const list of Object.values(offer)) {
      if (typeof list === 'boolean') continue;
      const names = list as readonly string[];
      expect(new Set(names).size).toBe(names.length);
      // RFC 4251 §6 allows 64 characters; some of OQS OpenSSH's names have more.
      expect(names.every((name) => /^[\x21-\x2b\x2d-\x7e]{1,80}$/.test(name))).toBe(true);
    }
  }
});
