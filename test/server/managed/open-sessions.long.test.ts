// `latticeport session` against two built servers on one state, with OpenSSH's sftp: what one node has is listed and ended through the
// other, and what a killed node had is gone.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { missingPeer } from '../../peers/peers.ts';
import { freePort, mustRun, runProgram, ServerProcess, type Finished } from '../../peers/process.ts';
import type { StatePlace } from '../../state/contract.ts';
import { postgresPlace } from '../../state/postgresql-place.ts';
import { sqlitePlace } from '../../state/sqlite-place.ts';
import { until } from '../../transport/transport-pair.ts';
import { findSftp } from '../openssh-sftp.ts';

const LATTICEPORT = [process.execPath, path.resolve(import.meta.dirname, '../../../dist/cli/main.js')];
const DEADLINE_MS = 60_000;
const sftp = findSftp();

interface Listed {
  readonly SessionId: string;
  readonly UserName: string;
  readonly OpenFiles: number;
  readonly BytesIn: number;
  readonly PostQuantum: boolean;
}

interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Two nodes, each with a folder and an address of its own. */
class Site {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'latticeport-sessions-'));
  readonly #nodes: ServerProcess[] = [];
  readonly #clients: ServerProcess[] = [];
  readonly #endpoints: string[] = [];
  #sftpPort = 0;
  #key: AccessKey = { accessKeyId: '', secretAccessKey: '' };

  async begin(state: object): Promise<void> {
    this.#sftpPort = await freePort();
    const { publicKey, privateKey } = generatePrivateKey('ed25519', undefined, 'partner');
    writeFileSync(path.join(this.folder, 'key'), privateKey, { mode: 0o600 });
    writeFileSync(path.join(this.folder, 'large'), Buffer.alloc(20 << 20));
    for (const host of ['127.0.0.1', '127.0.0.2']) await this.#startNode(host, state);
    await this.latticeport(0, 'server', 'create');
    const role = 'arn:aws:iam::000000000000:role/any';
    for (const user of ['alice', 'bob']) {
      await this.latticeport(0, 'user', 'create', user, '--role', role, '--home', `/data/${user}`, '--key', publicKey);
    }
  }

  async #startNode(host: string, state: object): Promise<void> {
    const folder = path.join(this.folder, host);
    mkdirSync(path.join(folder, 'data'), { recursive: true });
    const port = await freePort();
    const config = {
      management: {
        ...{ state, listen: { port }, secretKeyFile: path.join(this.folder, 'state.key') },
        servers: { host, ports: { from: this.#sftpPort, to: this.#sftpPort } },
        storages: { data: { type: 'local', root: 'data' } },
        roles: [{ arn: 'arn:aws:iam::*:role/*', buckets: '*' }],
      },
    };
    writeFileSync(path.join(folder, 'latticeport.json'), JSON.stringify(config), { mode: 0o600 });
    if (this.#endpoints.length === 0) {
      const { stdout } = await mustRun([...LATTICEPORT, 'access-key', 'create', '--json'], { cwd: folder });
      this.#key = JSON.parse(stdout) as AccessKey;
    }
    const node = new ServerProcess([...LATTICEPORT, 'serve'], { cwd: folder });
    this.#nodes.push(node);
    await until(() => node.lines.some((line) => line.includes('management.listening')), 'the API listens', 30_000);
    this.#endpoints.push(`http://127.0.0.1:${port}`);
  }

  /** A command as its user types it, against the API of one node. */
  latticeport(node: number, ...args: string[]): Promise<Finished> {
    return mustRun([...LATTICEPORT, ...args], { env: this.#environment(node) });
  }

  /** As `latticeport`, where the command fails. */
  refused(node: number, ...args: string[]): Promise<Finished> {
    return runProgram([...LATTICEPORT, ...args], { env: this.#environment(node) });
  }

  #environment(node: number): NodeJS.ProcessEnv {
    return {
      ...process.env,
      AWS_ENDPOINT_URL_TRANSFER: this.#endpoints[node],
      AWS_ACCESS_KEY_ID: this.#key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: this.#key.secretAccessKey,
    };
  }

  async sessions(node: number): Promise<readonly Listed[]> {
    const { stdout } = await this.latticeport(node, 'session', 'list', '--json');
    return JSON.parse(stdout) as readonly Listed[];
  }

  /** What the node lists, once it fits. */
  async whenSessions(node: number, fits: (sessions: readonly Listed[]) => boolean): Promise<readonly Listed[]> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const sessions = await this.sessions(node);
      if (fits(sessions)) return sessions;
      if (performance.now() > deadline) {
        const said = this.#clients.map(({ end, stderr }) => `${end ?? 'runs'}: ${stderr}`);
        throw new Error([`the list stays ${JSON.stringify(sessions)}`, ...said].join('\n'));
      }
      await delay(100);
    }
  }

  /** An upload that takes minutes. */
  upload(host: string, user: string): ServerProcess {
    const batch = path.join(this.folder, `batch-${user}`);
    writeFileSync(batch, `put ${path.join(this.folder, 'large')} ${user}-${this.#clients.length}\n`);
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'IdentitiesOnly=yes'];
    const client = new ServerProcess([
      ...(sftp?.command ?? []),
      ...['-F', 'none', '-b', batch, '-l', '800', '-P', String(this.#sftpPort), '-i', path.join(this.folder, 'key')],
      ...[...options, 'IdentityAgent=none'].flatMap((option) => ['-o', option]),
      `${user}@${host}`,
    ]);
    this.#clients.push(client);
    return client;
  }

  async killNode(node: number): Promise<void> {
    await this.#nodes[node]?.stop('SIGKILL');
  }

  async end(): Promise<void> {
    for (const client of this.#clients) await client.stop('SIGKILL');
    for (const node of this.#nodes) await node.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const missing = sftp === null ? 'no OpenSSH' : null;

describe.each<[string, StatePlace, string | null]>([
  ['sqlite', sqlitePlace(), missing],
  ['postgresql', postgresPlace(), missing ?? missingPeer('postgresql')],
])('sessions of two servers on %s', (_, place, without) => {
  const given = without === null ? test : test.skip;
  let site: Site | null = null;
  beforeAll(() => (without === null ? place.begin() : undefined));
  afterEach(async () => {
    await site?.end();
    site = null;
  });
  afterAll(() => (without === null ? place.end() : undefined));

  given(
    `are listed and ended through each, and gone with their node${without === null ? '' : ` (${without})`}`,
    async () => {
      const here = (site = new Site());
      await here.begin(await place.create());
      const [alice, bob] = [here.upload('127.0.0.1', 'alice'), here.upload('127.0.0.2', 'bob')];
      const both = await here.whenSessions(
        0,
        (sessions) => sessions.length === 2 && sessions.every(({ BytesIn, OpenFiles }) => BytesIn > 0 && OpenFiles > 0),
      );
      expect(both.map(({ PostQuantum, OpenFiles }) => [PostQuantum, OpenFiles])).toEqual([
        [true, 1],
        [true, 1],
      ]);
      expect((await here.sessions(1)).map(({ SessionId }) => SessionId)).toEqual(
        both.map(({ SessionId }) => SessionId),
      );
      expect((await here.latticeport(1, 'session', 'list', '--user', 'alice')).stdout).toMatch(/\balice\b.* yes /);

      // Bob's session is on the other node.
      const ofBob = both.find(({ UserName }) => UserName === 'bob')?.SessionId ?? '';
      await here.latticeport(0, 'session', 'end', ofBob);
      await until(() => !bob.running, 'the session of bob ends', 30_000);
      expect(bob.end).not.toMatch(/status 0/);
      expect(bob.stderr).toContain('ended by the operator');
      expect(alice.running).toBe(true);
      const left = await here.whenSessions(0, ({ length }) => length === 1);
      expect(left.map(({ UserName }) => UserName)).toEqual(['alice']);
      const again = await here.refused(0, 'session', 'end', ofBob);
      expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining(`Unknown session: ${ofBob}`) });

      // A user whose session was ended may come again; then its node dies.
      here.upload('127.0.0.2', 'bob');
      await here.whenSessions(0, ({ length }) => length === 2);
      await here.killNode(1);
      const living = await here.whenSessions(0, ({ length }) => length === 1);
      expect(living.map(({ UserName }) => UserName)).toEqual(['alice']);
      expect(alice.running).toBe(true);
      const audit = await mustRun([...LATTICEPORT, 'audit', '--json', '--limit', '1'], {
        cwd: path.join(here.folder, '127.0.0.1'),
      });
      expect(JSON.parse(audit.stdout)).toMatchObject([{ operation: 'EndSession', before: { UserName: 'bob' } }]);
    },
    180_000,
  );
});
