// The benchmark: npm run bench -- [--only NAME] [--server NAME] [--runs N] [--out DIR] [--smoke]
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { makeIdentity } from '../test/interop/identity.ts';
import { isBuilt } from '../test/interop/server-harness.ts';
import { endGroupsOnSignals } from '../test/peers/process.ts';
import { chart } from './report/chart.ts';
import { environment } from './report/environment.ts';
import { markdownReport } from './report/markdown.ts';
import type { ScenarioResult } from './run-scenario.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios/scenarios.ts';

interface Options {
  readonly only?: string[];
  readonly server?: string[];
  readonly case?: string;
  readonly runs: number;
  readonly out: string;
  readonly smoke?: boolean;
}

/** So many cases of a scenario show that it runs. */
const SMOKE_CASES = 4;

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return value;
}

const options: Options = new Command('bench')
  .description('Measures the server against its peers and the machine.')
  .option('--only <names...>', `scenarios: ${scenarios.map(({ name }) => name).join(', ')}`)
  .option('--server <names...>', 'servers')
  .option('--case <text>', 'cases whose name holds the text')
  .option('--runs <n>', 'rounds', count, 5)
  .option('--out <directory>', 'where the report goes', resolve(import.meta.dirname, 'out'))
  .option('--smoke', 'one short round that shows that every scenario runs, not how fast')
  .parse()
  .opts();

process.exitCode = await main();

async function main(): Promise<number> {
  if (!isBuilt() && (options.server?.includes('latticeport') ?? true)) {
    console.error('dist/ is missing: run npm run build');
    return 1;
  }
  const unknown = (options.only ?? []).filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    console.error(`no such scenario: ${unknown.join(', ')}`);
    return 1;
  }
  const chosen = scenarios.filter(({ name }) => options.only?.includes(name) ?? true);
  const rounds = options.smoke === true ? 1 : options.runs;
  const memory = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'latticeport-bench-'));
  endGroupsOnSignals(() => {
    rmSync(memory, { recursive: true, force: true });
  });
  const results: ScenarioResult[] = [];
  try {
    const identity = await makeIdentity(join(memory, 'keys'));
    for (const scenario of chosen) {
      const wanted = ({ name }: { name: string }, oneCase: string): boolean =>
        (options.server?.includes(name) ?? true) &&
        oneCase.includes(options.case ?? '') &&
        (options.smoke !== true || scenario.cases.indexOf(oneCase) < SMOKE_CASES);
      const total = scenario.servers
        .filter(({ version }) => version !== null)
        .reduce((sum, server) => sum + scenario.cases.filter((one) => wanted(server, one)).length * rounds, 0);
      const bar = progress(total);
      const result = await runScenario(scenario, {
        rounds,
        smoke: options.smoke === true,
        identity,
        memory,
        wanted,
        onProgress: (what) => {
          bar.step(what);
        },
      });
      bar.stop();
      results.push(result);
    }
  } finally {
    await rm(memory, { recursive: true, force: true });
  }
  await writeReport(results, rounds);
  const failures = results.flatMap((result) => result.failures);
  for (const failure of failures) console.error(`FAILED ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

/** A bar on a terminal, a line for each step otherwise. */
function progress(total: number): { step(what: string): void; stop(): void } {
  if (!process.stderr.isTTY) {
    return {
      step: (what) => {
        console.error(what);
      },
      stop: () => undefined,
    };
  }
  const bar = new SingleBar({
    format: '{bar} {value}/{total} {eta_formatted} {what}',
    stream: process.stderr,
    clearOnComplete: true,
  });
  bar.start(total, 0, { what: '' });
  return {
    step: (what) => {
      bar.increment(1, { what });
    },
    stop: () => {
      bar.stop();
    },
  };
}

async function writeReport(results: readonly ScenarioResult[], rounds: number): Promise<void> {
  const out = resolve(options.out);
  await mkdir(out, { recursive: true });
  const where = environment();
  const charts = new Map<string, string>();
  for (const result of results) {
    if (result.results.length === 0) continue;
    for (const metric of result.scenario.metrics) {
      const file = `${result.scenario.name}-${metric.name.replaceAll(/\W+/g, '-')}.svg`.toLowerCase();
      await writeFile(join(out, file), chart(result, metric));
      charts.set(`${result.scenario.name} ${metric.name}`, file);
    }
  }
  const markdown = markdownReport(where, rounds, results, charts);
  const data = results.map(({ scenario, ...rest }) => ({ scenario: scenario.name, ...rest }));
  await writeFile(join(out, 'report.md'), markdown);
  await writeFile(
    join(out, 'report.json'),
    `${JSON.stringify({ environment: where, rounds, results: data }, null, 2)}\n`,
  );
  console.log(markdown);
}
