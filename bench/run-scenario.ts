import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Identity } from '../test/interop/identity.ts';
import type { Summary } from './measure/statistics.ts';
import { summarise } from './measure/statistics.ts';
import type { Bench, Scenario } from './scenarios/scenario.ts';
import type { BenchServer, Place } from './servers/bench-server.ts';

export interface CaseResult {
  readonly scenario: string;
  readonly oneCase: string;
  readonly server: string;
  /** By the metric's name. */
  readonly metrics: Readonly<Record<string, Summary>>;
}

export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly servers: readonly { readonly name: string; readonly version: string | null }[];
  readonly results: readonly CaseResult[];
  /** What did not work: a server that failed in a case is not measured on in it. */
  readonly failures: readonly string[];
}

export interface RunOptions {
  readonly rounds: number;
  readonly smoke: boolean;
  readonly identity: Identity;
  /** A folder in RAM. */
  readonly memory: string;
  readonly wanted: (server: BenchServer, oneCase: string) => boolean;
  readonly onProgress: (what: string) => void;
}

/** Each server in turn (A B A B …), each round with all cases, so that what disturbs the machine disturbs all alike. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioResult> {
  const directory = await mkdtemp(join(options.memory, `${scenario.name}-`));
  const files = join(directory, 'served');
  const bench: Bench = { directory, files, identity: options.identity, smoke: options.smoke };
  const runs = new Map<string, Map<string, number[]>>();
  const failures = new Map<string, string>();
  try {
    await scenario.prepare?.(bench);
    const installed = scenario.servers.filter(({ version }) => version !== null);
    for (let round = 0; round < options.rounds; round += 1) {
      for (const server of installed) {
        const cases = scenario.cases.filter(
          (one) => options.wanted(server, one) && !failures.has(key(server.name, one)),
        );
        const first = scenario.rotates === true ? Math.floor((round * cases.length) / options.rounds) : 0;
        const inTurn = [...cases.slice(first), ...cases.slice(0, first)];
        if (cases.length > 0) await runServer(scenario, bench, server, inTurn, runs, failures, options.onProgress);
      }
    }
  } finally {
    await scenario.finish?.();
    await rm(directory, { recursive: true, force: true });
  }
  return {
    scenario,
    servers: scenario.servers.map(({ name, version }) => ({ name, version })),
    results: [...runs].map(([id, metrics]) => {
      const [server = '', oneCase = ''] = id.split('\t');
      return {
        scenario: scenario.name,
        oneCase,
        server,
        metrics: Object.fromEntries([...metrics].map(([name, values]) => [name, summarise(values)])),
      };
    }),
    failures: [...failures.values()],
  };
}

const key = (server: string, oneCase: string): string => `${server}\t${oneCase}`;

async function runServer(
  scenario: Scenario,
  bench: Bench,
  server: BenchServer,
  cases: readonly string[],
  runs: Map<string, Map<string, number[]>>,
  failures: Map<string, string>,
  onProgress: (what: string) => void,
): Promise<void> {
  const own = await mkdtemp(join(bench.directory, 'server-'));
  await rm(bench.files, { recursive: true, force: true });
  await mkdir(bench.files);
  scenario.populate?.(bench);
  const ordinary: Place = { directory: own, files: bench.files, identity: bench.identity };
  try {
    const running = await server.start({ ...ordinary, ...(await scenario.place?.(bench)) });
    try {
      for (const oneCase of cases) {
        onProgress(`${scenario.name}: ${server.name}, ${oneCase}`);
        const id = key(server.name, oneCase);
        try {
          const measured = await scenario.measure(bench, running, oneCase);
          if (measured === null) continue;
          const metrics = runs.get(id) ?? new Map<string, number[]>();
          runs.set(id, metrics);
          for (const [name, value] of Object.entries(measured))
            metrics.set(name, [...(metrics.get(name) ?? []), value]);
        } catch (error) {
          failures.set(id, `${scenario.name}: ${server.name}, ${oneCase}: ${(error as Error).message}`);
        }
      }
    } finally {
      await running.stop();
    }
  } catch (error) {
    for (const oneCase of cases) {
      failures.set(
        key(server.name, oneCase),
        `${scenario.name}: ${server.name} does not start: ${(error as Error).message}`,
      );
    }
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}
