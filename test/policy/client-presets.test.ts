import { describe, expect, test } from '@jest/globals';
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

test('presets have names of their own, and lists without empty or doubled names', () => {
  expect(new Set(CLIENT_PRESETS.map(({ name }) => name)).size).toBe(CLIENT_PRESETS.length);
  for (const { offer } of CLIENT_PRESETS) {
    for (const list of Object.values(offer)) {
      if (typeof list === 'boolean') continue;
      const names = list as readonly string[];
      expect(new Set(names).size).toBe(names.length);
      expect(names.every((name) => /^[\x21-\x2b\x2d-\x7e]{1,64}$/.test(name))).toBe(true);
    }
  }
});
