// Crosses clients with scenarios and runs the cells, grouped by the server that they need.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeEnd, type Finished } from '../peers/process.ts';
import type { InteropClient, Login, Step } from './client.ts';
import type { Identity } from './identity.ts';
import type { Offer } from './offer.ts';
import { MAIN } from './scenarios/main-setup.ts';
import type { Cell, InteropScenario, Setup } from './scenarios/scenario.ts';
import type { RunningServer } from './server-harness.ts';
import { startLatticeport } from './server-harness.ts';

export interface CellResult {
  readonly client: string;
  readonly scenario: string;
  /** A key exchange method, a key type, or nothing. */
  readonly variant: string;
  readonly outcome: 'passed' | 'failed' | 'not-applicable' | 'skipped';
  /** Why it failed, does not apply or was skipped. */
  readonly reason: string;
  /** The client's own output, where it failed. */
  readonly output: string;
  readonly milliseconds: number;
}

interface PlannedCell {
  readonly client: InteropClient;
  readonly offer: Offer;
  readonly scenario: InteropScenario;
  readonly variant: string;
}

/** A server that runs elsewhere; only scenarios that fit any server can use it. */
export interface RemoteServer {
  readonly host: string;
  readonly port: number;
  readonly identity: Identity;
}

const TIMEOUT_MS = 120_000;
const CONCURRENCY = 3;

export interface RunOptions {
  readonly clients: readonly InteropClient[];
  readonly scenarios: readonly InteropScenario[];
  readonly offers: ReadonlyMap<string, Offer>;
  readonly identity: Identity;
  readonly directory: string;
  readonly remote: RemoteServer | null;
  readonly onResult: (result: CellResult) => void;
}

export async function runCells(options: RunOptions): Promise<CellResult[]> {
  const results: CellResult[] = [];
  const add = (result: CellResult): void => {
    results.push(result);
    options.onResult(result);
  };
  const groups = plan(options, add);
  for (const [name, { setup, cells }] of groups) {
    const directory = join(options.directory, name.replaceAll(/\W+/g, '-'));
    await mkdir(directory, { recursive: true });
    const server =
      options.remote === null
        ? await startLatticeport({ directory, identity: options.identity, ...setup.options })
        : null;
    try {
      const queue = [...cells];
      await Promise.all(
        Array.from({ length: CONCURRENCY }, async () => {
          for (let cell = queue.shift(); cell !== undefined; cell = queue.shift()) {
            add(await runCell(cell, server, directory, options));
          }
        }),
      );
    } finally {
      const end = await server?.stop();
      if (end !== undefined && end !== 'exit status 0') {
        add({ ...blank, client: 'the server', scenario: name, outcome: 'failed', reason: `it ended with ${end}` });
      }
      await rm(directory, { recursive: true, force: true });
    }
  }
  return results;
}

const blank = { variant: '', output: '', milliseconds: 0 };

function plan(
  options: RunOptions,
  add: (result: CellResult) => void,
): Map<string, { readonly setup: Setup; readonly cells: PlannedCell[] }> {
  const groups = new Map<string, { setup: Setup; cells: PlannedCell[] }>();
  for (const client of options.clients) {
    const offer = options.offers.get(client.name);
    for (const scenario of options.scenarios) {
      const common = { ...blank, client: client.name, scenario: scenario.name };
      if (client.version === null || offer === undefined) {
        // One that is not part of any distribution is nobody's omission.
        const outcome = client.obtainable ? 'skipped' : 'not-applicable';
        add({ ...common, outcome, reason: `not installed (${client.origin})` });
        continue;
      }
      const obstacle = scenario.needs.map((need) => client.cannot[need]).find((reason) => reason !== undefined);
      const variants = obstacle === undefined ? scenario.variants(client, offer) : [];
      if (variants.length === 0) add({ ...common, outcome: 'not-applicable', reason: obstacle ?? 'nothing in common' });
      for (const variant of variants) {
        const setup = scenario.setup(variant) ?? MAIN;
        if (options.remote !== null && scenario.setup(variant) !== null) {
          add({ ...common, variant, outcome: 'not-applicable', reason: 'needs a server of its own' });
          continue;
        }
        const group = groups.get(setup.name) ?? { setup, cells: [] };
        group.cells.push({ client, offer, scenario, variant });
        groups.set(setup.name, group);
      }
    }
  }
  return groups;
}

let nextCell = 0;

async function runCell(
  { client, offer, scenario, variant }: PlannedCell,
  server: RunningServer | null,
  directory: string,
  options: RunOptions,
): Promise<CellResult> {
  nextCell += 1;
  const number = nextCell;
  const local = join(directory, `cell-${number}`);
  await mkdir(local);
  let runs = 0;
  const outputs: Finished[] = [];
  const { identity } = options.remote ?? options;
  const byKey = client.userKeys.includes('ed25519');
  const login: Omit<Login, 'scratch'> = {
    host: options.remote?.host ?? server?.host ?? '',
    port: options.remote?.port ?? server?.port ?? 0,
    user: identity.user,
    key: byKey ? identity.userKeys['ed25519'] : null,
    password: byKey ? null : identity.password,
    // The one that the server's and the client's orders agree on: see `expectedHostKey`.
    hostKey: expectedHostKey(offer, identity),
    kex: client.usualKex ?? null,
  };
  const run = async (steps: readonly Step[], changes: Partial<Login> = {}): Promise<Finished> => {
    runs += 1;
    const scratch = join(local, `run-${runs}`);
    await mkdir(scratch);
    const finished = await client.run({ ...login, scratch, ...changes }, steps, TIMEOUT_MS);
    outputs.push(finished);
    return finished;
  };
  const cell: Cell = {
    client,
    offer,
    server,
    login: { ...login, scratch: local },
    variant,
    remote: `/${client.name.replaceAll(/\W+/g, '-')}-${scenario.name}-${number}`,
    local,
    run,
    mustRun: async (steps, changes) => {
      const finished = await run(steps, changes);
      if (finished.code !== 0) throw new Error(`the client failed: ${describeEnd(finished)}`);
      return finished;
    },
  };
  const begun = performance.now();
  const common = { client: client.name, scenario: scenario.name, variant };
  try {
    await scenario.run(cell);
    return { ...common, outcome: 'passed', reason: '', output: '', milliseconds: performance.now() - begun };
  } catch (error) {
    const output = outputs.map(({ stdout, stderr }) => `${stdout}\n${stderr}`.slice(-6000)).join('\n--- next run\n');
    const reason = (error as Error).message;
    return { ...common, outcome: 'failed', reason, output, milliseconds: performance.now() - begun };
  } finally {
    await rm(local, { recursive: true, force: true });
  }
}

/** The host key that the negotiation ends with where the server has all: the client's first (RFC 4253 §7.1). */
function expectedHostKey(offer: Offer, identity: Identity): Login['hostKey'] {
  const types = {
    'ssh-ed25519': 'ed25519',
    'ecdsa-sha2-nistp256': 'ecdsa-256',
    'ecdsa-sha2-nistp384': 'ecdsa-384',
    'ecdsa-sha2-nistp521': 'ecdsa-521',
    'rsa-sha2-512': 'rsa-3072',
    'rsa-sha2-256': 'rsa-3072',
  } as const;
  const known = Object.entries(types);
  for (const name of offer.hostKeys) {
    const type = known.find(([algorithm]) => algorithm === name)?.[1];
    if (type !== undefined) return identity.hostKeys[type];
  }
  return identity.hostKeys['ed25519'];
}
