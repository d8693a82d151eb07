// Jest tests on a target: what is started once for a file of tests, and a message that says enough.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomRuns, timeoutFor } from '../random-runs.ts';
import { runCampaign } from './campaign.ts';
import { FOUND } from './found.ts';
import { findSftpServer, Oracle } from './oracle.ts';
import { parseSequence } from './parse-sequence.ts';
import { describeSequence, play } from './play.ts';
import { RACES, sequenceOf } from './races.ts';
import type { Target } from './target.ts';

export interface TestedTarget {
  readonly name: string;
  /** Why it cannot be had here; null where it can. */
  readonly missing: string | null;
  readonly start: () => Promise<Target> | Target;
  /** Random sequences one request after the other, and with pairs at one instant. */
  readonly sequential: number;
  readonly simultaneous: number;
}

const HOUR = 3_600_000;
/** Steps of a hundred. */
const PAIRS = 25;

function describeTarget({ name, missing, start }: TestedTarget, tests: (on: () => [Target, Oracle]) => void): void {
  describe(name, () => {
    const program = findSftpServer();
    const reason = program === undefined ? "OpenSSH's sftp-server is not installed" : missing;
    if (program === undefined || reason !== null) {
      test.skip(reason ?? '', () => undefined);
      return;
    }
    let target: Target | undefined;
    let oracle: Oracle | undefined;
    beforeAll(async () => {
      oracle = await Oracle.start(program);
      target = await start();
    }, HOUR);
    afterAll(async () => {
      await target?.stop();
      await oracle?.stop();
    });
    tests(() => {
      if (target === undefined || oracle === undefined) throw new Error('the target has not started');
      return [target, oracle];
    });
  });
}

/** As many sequences as the target says, times LATTICEPORT_RUNS. */
export function compareOn(tested: TestedTarget): void {
  describeTarget(tested, (on) => {
    const kinds = [
      ['one request after the other', tested.sequential, 0],
      ['also two requests at one instant', tested.simultaneous, PAIRS],
    ] as const;
    for (const [how, usual, pairs] of kinds) {
      if (usual === 0) continue;
      const runs = randomRuns(usual);
      test(
        `${runs} random sequences, ${how}, are answered as by sftp-server`,
        async () => {
          const { failures, tally, played } = await runCampaign(...on(), { runs, pairs });
          expect(failures.map(({ text }) => text).join('\n\n')).toBe('');
          expect(played).toBe(runs);
          // A test that gives up, or sends nothing, proves nothing.
          if (runs >= 50) {
            expect(tally.requests).toBeGreaterThan(10 * runs);
            expect(tally.givenUp).toBeLessThan(runs / 50);
            if (pairs > 0) expect(tally.pairs).toBeGreaterThan(runs / 2);
          }
        },
        timeoutFor(runs),
      );
    }
  });
}

/** What random play has found. */
export function playFoundOn(tested: TestedTarget): void {
  describeTarget(tested, (on) => {
    test.each(FOUND)('$name', async ({ text }) => {
      const sequence = parseSequence(text);
      const failure = await play(sequence, ...on());
      expect(failure === undefined ? '' : describeSequence(sequence, failure)).toBe('');
    });
  });
}

/** Each race so many times: LATTICEPORT_RACES, or 4. */
export function raceOn(tested: TestedTarget): void {
  const times = Number(process.env['LATTICEPORT_RACES'] ?? 4);
  describeTarget(tested, (on) => {
    for (const race of RACES) {
      test(
        `${race.name}, ${times} times`,
        async () => {
          const [target, oracle] = on();
          if (race.hardlinks === true && !target.hardlinks) return;
          const failed: string[] = [];
          for (let round = 0; round < times; round += 1) {
            const sequence = sequenceOf(race, round);
            const failure = await play(sequence, target, oracle, { unguarded: true });
            if (failure !== undefined) failed.push(describeSequence(sequence, failure));
          }
          const [first = ''] = failed;
          expect(`${failed.length} of ${times} failed\n${first}`).toBe(`0 of ${times} failed\n`);
        },
        HOUR,
      );
    }
  });
}
