// The comparison by hand: every kind of failure of a target, each made small. Or its races, each some times.
//
//   node test/differential/run.ts TARGET [RUNS] [PAIRS]
//   node test/differential/run.ts TARGET races [TIMES] [PART OF THE NAME]
import { findSftpServer, Oracle } from './oracle.ts';
import { runCampaign } from './campaign.ts';
import { usedDifferences } from './differences.ts';
import { describeSequence, play } from './play.ts';
import { serverTarget, stdioTarget } from './process-targets.ts';
import { RACES, sequenceOf } from './races.ts';
import { localTarget, memoryTarget, s3Target } from './targets.ts';
import type { Target } from './target.ts';

/** The S3 server that is running already. */
const endpoint = process.env['S3_ENDPOINT'] ?? process.env['MOTO_ENDPOINT'] ?? '';
const TARGETS: Readonly<Record<string, () => Promise<Target> | Target>> = {
  local: () => localTarget('near'),
  'local-in-memory': () => localTarget('memory'),
  memory: memoryTarget,
  s3: () => s3Target(endpoint),
  nodes: () => s3Target(endpoint, 2),
  stdio: stdioTarget,
  server: () => serverTarget(),
  workers: () => serverTarget(2),
};

const [name = 'local', runs = '1000', pairs = '0', part = ''] = process.argv.slice(2);
const make = TARGETS[name];
const program = findSftpServer();
if (make === undefined || program === undefined) {
  throw new Error(`a target (${Object.keys(TARGETS).join(', ')}) and OpenSSH's sftp-server are needed`);
}
const target = await make();
const oracle = await Oracle.start(program);

async function race(times: number): Promise<void> {
  for (const each of RACES.filter(({ name: full }) => full.includes(part))) {
    if (each.hardlinks === true && !target.hardlinks) continue;
    let failed = 0;
    let last = '';
    for (let round = 0; round < times; round += 1) {
      const sequence = sequenceOf(each, round);
      const failure = await play(sequence, target, oracle, { unguarded: true });
      if (failure === undefined) continue;
      failed += 1;
      last = `\n${describeSequence(sequence, failure)}`;
    }
    console.log(`${target.name}: ${each.name}: ${failed} of ${times} failed${last}`);
  }
}

async function compare(): Promise<void> {
  const begun = performance.now();
  const { played, tally, failures } = await runCampaign(target, oracle, {
    runs: Number(runs),
    pairs: Number(pairs),
    maxKinds: 60,
  });
  for (const { text, count } of failures) console.log(`${text}\n(${count} times)\n`);
  console.log(`${target.name}: ${played} sequences, ${Math.round(performance.now() - begun)} ms`, tally);
  for (const { signature, count } of failures) console.log(`${String(count).padStart(6)}  ${signature}`);
  console.log(`differences met: ${[...usedDifferences()].join('; ')}`);
}

try {
  if (runs === 'races') await race(Number(pairs === '0' ? '150' : pairs));
  else await compare();
} finally {
  await oracle.stop();
  await target.stop();
}
