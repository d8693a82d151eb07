// The comparison by hand: every kind of failure of a target, each made small.
//
//   node test/differential/run.ts TARGET [RUNS] [PAIRS]
import { findSftpServer, Oracle } from './oracle.ts';
import { runCampaign } from './campaign.ts';
import { usedDifferences } from './differences.ts';
import { serverTarget, stdioTarget } from './process-targets.ts';
import { localTarget, memoryTarget, s3Target } from './targets.ts';
import type { Target } from './target.ts';

/** The S3 server that is running already. */
const endpoint = process.env['S3_ENDPOINT'] ?? process.env['MOTO_ENDPOINT'] ?? '';
const TARGETS: Readonly<Record<string, () => Promise<Target> | Target>> = {
  local: localTarget,
  memory: memoryTarget,
  s3: () => s3Target(endpoint),
  nodes: () => s3Target(endpoint, 2),
  stdio: stdioTarget,
  server: () => serverTarget(),
  workers: () => serverTarget(2),
};

const [name = 'local', runs = '1000', pairs = '0'] = process.argv.slice(2);
const make = TARGETS[name];
const program = findSftpServer();
if (make === undefined || program === undefined) {
  throw new Error(`a target (${Object.keys(TARGETS).join(', ')}) and OpenSSH's sftp-server are needed`);
}
const target = await make();
const oracle = await Oracle.start(program);
try {
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
} finally {
  await oracle.stop();
  await target.stop();
}
