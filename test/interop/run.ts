// The interoperability tests: npm run interop -- [--client NAME…] [--scenario NAME…] [--out DIR] [--docs]
// Its last line is "N passed, N failed, N skipped".
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { endGroupsOnSignals } from '../peers/process.ts';
import { allClients } from './clients/clients.ts';
import type { Identity } from './identity.ts';
import { makeIdentity } from './identity.ts';
import type { Offer } from './offer.ts';
import { captureOffer } from './offer.ts';
import { countsOf, interopMarkdown } from './report.ts';
import type { ClientRecord } from './record.ts';
import { merged, recordsOf } from './record.ts';
import type { RemoteServer } from './run-cells.ts';
import { runCells } from './run-cells.ts';
import { allScenarios } from './scenarios/scenarios.ts';
import { isBuilt } from './server-harness.ts';

const DOCS = resolve(import.meta.dirname, '../../docs');

interface Options {
  readonly client?: string[];
  readonly scenario?: string[];
  readonly out: string;
  readonly docs?: boolean;
  readonly server?: string;
  readonly identity?: string;
}

const options: Options = new Command('interop')
  .description('Runs every client that is installed against the server and writes a report.')
  .option('--client <names...>', 'clients whose name holds one of these')
  .option('--scenario <names...>', 'scenarios')
  .option('--out <directory>', 'where report.md and report.json go', import.meta.dirname)
  .option('--docs', 'bring docs/interop.json and docs/interop.md up to date too')
  .option('--server <host:port>', 'a server that runs already, instead of starting our own')
  .option('--identity <file>', 'with --server: its keys and user, as JSON')
  .parse()
  .opts();

const directory = mkdtempSync(join(tmpdir(), 'latticeport-interop-'));
const cleanUp = (): void => {
  rmSync(directory, { recursive: true, force: true });
};
endGroupsOnSignals(cleanUp);
// Programs of many languages: all of them are to take names as UTF-8.
process.env['LC_ALL'] = 'C.UTF-8';
try {
  process.exitCode = await main();
} finally {
  cleanUp();
}

async function main(): Promise<number> {
  const remote = remoteServer();
  if (remote === null && !isBuilt()) {
    console.error('dist/ is missing: run npm run build');
    return 1;
  }
  const identity = remote?.identity ?? (await makeIdentity(join(directory, 'keys')));
  const clients = allClients().filter(
    ({ name }) => options.client?.some((part) => name.toLowerCase().includes(part.toLowerCase())) ?? true,
  );
  const scenarios = allScenarios.filter(({ name }) => options.scenario?.includes(name) ?? true);
  const offers = new Map<string, Offer>();
  const broken: string[] = [];
  for (const client of clients) {
    if (client.version === null) {
      // Whoever names a folder wants its client to be run: that it is not there is no detail.
      const named = process.env[client.origin] ?? '';
      if (named !== '')
        broken.push(`FAIL ${client.name}: ${client.origin} is ${named}, and its programs are not there`);
      continue;
    }
    try {
      offers.set(client.name, await captureOffer(client, identity, join(directory, `offer-${offers.size}`)));
    } catch (error) {
      broken.push(`FAIL ${client.name} does not run: ${(error as Error).message}`);
    }
  }
  for (const line of broken) console.log(line);
  const results = await runCells({
    clients: clients.filter(({ name, version }) => version === null || offers.has(name)),
    scenarios,
    offers,
    identity,
    directory,
    remote,
    onResult: ({ client, scenario, variant, outcome, reason, milliseconds }) => {
      const what = `${client}, ${scenario}${variant === '' ? '' : ` ${variant}`}`;
      if (outcome === 'passed') console.log(`ok ${what} (${Math.round(milliseconds)} ms)`);
      else if (outcome === 'failed') console.log(`FAIL ${what}: ${reason}`);
      else if (outcome === 'skipped') console.log(`SKIP ${what}: ${reason}`);
    },
  });
  const date = new Date().toISOString().slice(0, 10);
  const fresh = recordsOf(date, clients, offers, results);
  await mkdir(options.out, { recursive: true });
  await writeFile(join(options.out, 'report.md'), interopMarkdown({ records: fresh, clients, scenarios }));
  const described = clients.map(({ name, version, origin }) => ({
    name,
    version,
    origin,
    offer: offers.get(name) ?? null,
  }));
  await writeFile(
    join(options.out, 'report.json'),
    `${JSON.stringify({ date, clients: described, results }, null, 2)}\n`,
  );
  if (options.docs === true) await writeDocs(fresh);
  for (const { client, scenario, variant, output } of results.filter(({ outcome }) => outcome === 'failed')) {
    console.log(`--- ${client}, ${scenario} ${variant}\n${output.slice(-2500)}`);
  }
  const { passed, failed, skipped } = countsOf(results);
  console.log(`${passed} passed, ${failed + broken.length} failed, ${skipped} skipped`);
  return failed + broken.length === 0 && passed > 0 ? 0 : 1;
}

/** What this run has shown, with what is known of clients and scenarios that were not part of it. */
async function writeDocs(fresh: readonly ClientRecord[]): Promise<void> {
  const json = join(DOCS, 'interop.json');
  const before = JSON.parse(readFileSync(json, 'utf8')) as ClientRecord[];
  const everyone = allClients();
  const names = everyone.map(({ name }) => name);
  const records = merged(before, fresh, names);
  await writeFile(json, `${JSON.stringify(records, null, 2)}\n`);
  await writeFile(join(DOCS, 'interop.md'), interopMarkdown({ records, clients: everyone, scenarios: allScenarios }));
}

/** `--server` and `--identity`: in the containers the server is another one's. */
function remoteServer(): RemoteServer | null {
  if (options.server === undefined) return null;
  if (options.identity === undefined) throw new Error('--server needs --identity');
  const separator = options.server.lastIndexOf(':');
  return {
    host: options.server.slice(0, separator),
    port: Number(options.server.slice(separator + 1)),
    identity: JSON.parse(readFileSync(options.identity, 'utf8')) as Identity,
  };
}
