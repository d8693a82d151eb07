// The comparison itself: two of OpenSSH's sftp-servers agree, and a server that does not do what it answers is found.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { firstSeed } from './campaign.ts';
import { Link } from './link.ts';
import { findSftpServer, Oracle } from './oracle.ts';
import { play } from './play.ts';
import { makeSequence } from './sequence.ts';
import { shrink } from './shrink.ts';
import type { Answer, Request } from './request.ts';
import type { Target } from './target.ts';

const OPTIONS = { hardlinks: true, pairs: 0 };
const program = findSftpServer();

if (program === undefined) {
  test.skip("OpenSSH's sftp-server is not installed", () => undefined);
} else {
  let oracle: Oracle;
  let subject: Oracle;

  beforeAll(async () => {
    oracle = await Oracle.start(program);
    subject = await Oracle.start(program);
  });
  afterAll(async () => {
    await oracle.stop();
    await subject.stop();
  });

  /** sftp-server in Latticeport's place. With `lie` a request can be answered without it. */
  const posixTarget = (lie: (request: Request) => Answer | undefined = () => undefined): Target => ({
    name: 'sftp-server',
    posix: true,
    hardlinks: true,
    refusesReads: false,
    sharesOpenFiles: true,
    writesInPlace: false,
    endsWithRequests: false,
    implicitParents: false,
    compared: { directoryModes: true, listedAttributes: true },
    begin: (tree) => subject.begin(tree),
    connect: async () => new LyingLink(await subject.connect(), lie),
    leftovers: () => Promise.resolve([]),
    stop: () => Promise.resolve(),
  });

  class LyingLink extends Link {
    readonly #lie: (request: Request) => Answer | undefined;
    readonly #truthful: Link;
    constructor(link: Link, lie: (request: Request) => Answer | undefined) {
      super(link.channel);
      this.#truthful = link;
      this.#lie = lie;
    }

    override has(slot: number): boolean {
      return this.#truthful.has(slot);
    }

    override async call(request: Request): Promise<Answer> {
      return this.#lie(request) ?? this.#truthful.call(request);
    }

    override async disconnect(): Promise<void> {
      for (const slot of this.#truthful.openSlots) await this.#truthful.call({ op: 'close', slot });
      await this.#truthful.disconnect();
    }
  }

  test('sftp-server is what the model says, in 300 random sequences', async () => {
    const seed = firstSeed();
    for (let run = 0; run < 300; run += 1) {
      const failure = await play(makeSequence((seed + run) >>> 0, OPTIONS), posixTarget(), oracle);
      expect(failure === undefined ? '' : `seed ${seed + run}: ${failure.text}`).toBe('');
    }
  }, 300_000);

  const OK: Answer = { kind: 'status', code: 0, message: '' };
  test.each<[string, number, (request: Request) => Answer | undefined]>([
    // RENAME that does nothing shows when the names are looked at.
    ['posix-rename', 1, ({ op }) => (op === 'posix-rename' ? OK : undefined)],
    ['write', 3, (request) => (request.op === 'write' && request.offset === 10 ? OK : undefined)],
    ['fsetstat', 3, (request) => (request.op === 'fsetstat' && request.change.mode === 0o600 ? OK : undefined)],
  ])(
    'a %s that does nothing is found, and made small',
    async (op, steps, lie) => {
      const target = posixTarget(lie);
      for (let seed = 1; seed < 500; seed += 1) {
        const sequence = makeSequence(seed, OPTIONS);
        const failure = await play(sequence, target, oracle);
        if (failure === undefined) continue;
        const small = await shrink({ sequence, failure }, (smaller) => play(smaller, target, oracle));
        expect(small.sequence.steps.length).toBeLessThanOrEqual(steps + 1);
        expect(small.sequence.steps.some((step) => step.kind === 'call' && step.request.op === op)).toBe(true);
        return;
      }
      throw new Error('it was not found');
    },
    300_000,
  );

  test('a seed is a sequence', () => {
    expect(makeSequence(4711, { hardlinks: true, pairs: 25 })).toEqual(
      makeSequence(4711, { hardlinks: true, pairs: 25 }),
    );
    expect(makeSequence(4711, OPTIONS)).not.toEqual(makeSequence(4712, OPTIONS));
  });
}
