// Several nodes: processes of the built server on one PostgreSQL and one bucket, each with an address of its own on this machine.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GeneratedKey } from '../../../src/crypto/keys/private-key.ts';
import { API_CLIENTS, type ClientOutcome, type ClientTarget } from '../../management/api-clients.ts';
import type { Peer } from '../../peers/peers.ts';
import { freePort, mustRun, runProgram, ServerProcess, type Finished } from '../../peers/process.ts';
import { urlOf, postgresPlace, type PostgresPlace } from '../../state/postgresql-place.ts';
import type { StateSettings } from '../../../src/state/open-state.ts';

const LATTICEPORT = [process.execPath, path.resolve(import.meta.dirname, '../../../dist/cli/main.js')];
export const ROLE = 'arn:aws:iam::000000000000:role/sftp';
/** More than anything here takes, on a slow machine too. */
const DEADLINE_MS = 30_000;
const EVERY_MS = 20;

export type Output = Readonly<Record<string, unknown>>;

export interface LogLine {
  readonly event?: string;
  readonly [field: string]: unknown;
}

/** One node, on `host`. */
export class Node {
  readonly host: string;
  readonly #folder: string;
  readonly #apiPort: number;
  readonly #metricsPort: number;
  readonly #key: () => ClientTarget['key'];
  #process: ServerProcess | null = null;

  constructor(host: string, folder: string, ports: { api: number; metrics: number }, key: () => ClientTarget['key']) {
    this.host = host;
    this.#folder = folder;
    this.#apiPort = ports.api;
    this.#metricsPort = ports.metrics;
    this.#key = key;
  }

  get process(): ServerProcess {
    if (this.#process === null) throw new Error(`the node on ${this.host} was not started`);
    return this.#process;
  }

  async start(): Promise<void> {
    this.#process = new ServerProcess([...LATTICEPORT, 'serve'], {
      cwd: this.#folder,
      env: { NODE_OPTIONS: undefined },
    });
    await this.#process.line((line) => line.includes('"management.listening"'), { timeoutMs: DEADLINE_MS });
  }

  /** What a start that is refused says. */
  async startRefused(): Promise<Finished> {
    return runProgram([...LATTICEPORT, 'serve'], { cwd: this.#folder, env: { NODE_OPTIONS: undefined } });
  }

  /** Its log since its start. */
  log(): LogLine[] {
    return this.process.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
  }

  outcome(operation: string, input: object): Promise<ClientOutcome> {
    const [sdk] = API_CLIENTS.filter(({ peer }) => peer === null);
    if (sdk === undefined) throw new Error('no SDK');
    return sdk.call({ endpoint: `http://${this.host}:${this.#apiPort}`, key: this.#key() }, operation, input);
  }

  async call(operation: string, input: object): Promise<Output> {
    const outcome = await this.outcome(operation, input);
    if ('exception' in outcome) throw new Error(`${operation}: ${outcome.exception}: ${outcome.message}`);
    return outcome.output;
  }

  async readiness(): Promise<{ readonly status: number; readonly text: string }> {
    const answer = await fetch(`http://${this.host}:${this.#metricsPort}/readyz`);
    return { status: answer.status, text: await answer.text() };
  }
}

export interface SftpCall {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly key: GeneratedKey;
  readonly arguments?: readonly string[];
}

export class NodeSite {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'latticeport-nodes-'));
  readonly place: PostgresPlace = postgresPlace();
  /** Of the server that is made first, on every node. */
  sftpPort = 0;
  nodes: readonly Node[] = [];
  readonly #client: Peer;
  #settings: StateSettings | null = null;
  #files = 0;

  constructor(client: Peer) {
    this.#client = client;
  }

  get stateUrl(): string {
    if (this.#settings === null) throw new Error('not started');
    return urlOf(this.#settings);
  }

  /** Starts PostgreSQL, and a node on each of the hosts, all of them at once. */
  async start(hosts: readonly string[], storage: object): Promise<void> {
    await this.place.begin();
    this.#settings = await this.place.create();
    this.sftpPort = await freePort();
    let key: ClientTarget['key'] = { accessKeyId: '', secretAccessKey: '' };
    const folders: string[] = [];
    for (const host of hosts) {
      const folder = path.join(this.folder, host);
      mkdirSync(folder);
      const ports = { api: await freePort(), metrics: await freePort() };
      const config = {
        management: {
          listen: { host, port: ports.api },
          state: { type: 'postgresql', url: this.stateUrl },
          secretKeyFile: path.join(this.folder, 'secret.key'),
          servers: { host, ports: { from: this.sftpPort, to: this.sftpPort } },
          storages: { files: storage },
          roles: [{ arn: 'arn:aws:iam::*:role/*', buckets: '*' }],
        },
        metrics: { host, port: ports.metrics },
        limits: { connectionsPerSecondPerSource: 0 },
        shutdown: { drainSeconds: 5 },
        log: { level: 'debug', format: 'json' },
      };
      writeFileSync(path.join(folder, 'latticeport.json'), JSON.stringify(config), { mode: 0o600 });
      folders.push(folder);
      this.nodes = [...this.nodes, new Node(host, folder, ports, () => key)];
    }
    const { stdout } = await mustRun([...LATTICEPORT, 'access-key', 'create', '--json'], { cwd: folders[0] ?? '' });
    key = JSON.parse(stdout) as ClientTarget['key'];
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.process.stop()));
    await this.place.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A file for a client. */
  file(name: string, content: string | Buffer): string {
    const file = path.join(this.folder, name);
    writeFileSync(file, content, { mode: 0o600 });
    return file;
  }

  /** OpenSSH's sftp to its end. Every address is the same host to it, whose keys may not change. */
  sftp(call: SftpCall, batch: string): Promise<Finished> {
    return runProgram(this.#command(call, '-'), { input: batch, timeoutMs: 60_000 });
  }

  /** As `sftp`, and its output. Throws unless every line of the batch worked. */
  async mustSftp(call: SftpCall, batch: string): Promise<string> {
    return (await mustRun(this.#command(call, '-'), { input: batch, timeoutMs: 60_000 })).stdout;
  }

  /** OpenSSH's sftp, which goes on by itself. */
  startSftp(call: SftpCall, batch: string): ServerProcess {
    return new ServerProcess(this.#command(call, this.file(`batch-${(this.#files += 1)}`, batch)));
  }

  #command({ host, port, user, key, arguments: more = [] }: SftpCall, batchFile: string): string[] {
    const options = [
      'HostKeyAlias=latticeport',
      `UserKnownHostsFile=${path.join(this.folder, 'known_hosts')}`,
      'GlobalKnownHostsFile=none',
      // The first key that is seen counts from then on. Another one is refused.
      'StrictHostKeyChecking=accept-new',
      'BatchMode=yes',
      'IdentitiesOnly=yes',
      'IdentityAgent=none',
      `IdentityFile=${this.file(`key-${(this.#files += 1)}`, key.privateKey)}`,
    ];
    return [
      ...this.#client.command,
      ...['-F', 'none', '-P', String(port), '-b', batchFile],
      ...options.flatMap((option) => ['-o', option]),
      ...more,
      `${user}@${host}`,
    ];
  }
}

/** Asks again and again until the answer is yes. */
export async function eventually(asked: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!(await asked())) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
