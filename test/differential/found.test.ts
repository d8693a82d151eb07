// Sequences that were answered wrongly once.
import { describe, expect, test } from '@jest/globals';
import { parseSequence } from './parse-sequence.ts';
import { describeSequence } from './play.ts';
import { makeSequence } from './sequence.ts';
import { playFoundOn } from './test-targets.ts';
import { LOCAL, LOCAL_IN_MEMORY, MEMORY, S3 } from './tested.ts';

playFoundOn(LOCAL);
playFoundOn(LOCAL_IN_MEMORY);
playFoundOn(MEMORY);
playFoundOn(S3);

describe('parseSequence', () => {
  test('reads what describeSequence writes', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const text = describeSequence(makeSequence(seed, { hardlinks: true, pairs: 25 }));
      expect(describeSequence(parseSequence(text))).toBe(text);
    }
  });

  test('refuses what it does not know', () => {
    expect(() => parseSequence('1: stat d/x')).toThrow('no sequence begins with');
    expect(() => parseSequence('seed 1, partialUploads store, at first:\n 1: jump d/x')).toThrow('no request');
    expect(() => parseSequence('seed 1, partialUploads store, at first:\n stat d/x')).toThrow('no call');
  });
});
