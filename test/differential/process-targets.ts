// Latticeport in processes of its own: one for each session, or a server that is reached by SSH, with or without workers.
import { connect as connectSocket } from 'node:net';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readFileSync } from 'node:fs';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { SftpChannel } from '../client/sftp-channel.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { makeIdentity } from '../interop/identity.ts';
import { startLatticeport, type RunningServer } from '../interop/server-harness.ts';
import { partFiles } from '../storage/local-fixture.ts';
import { MODERN } from '../transport/transport-pair.ts';
import { Link, PipeChannel, type Channel } from './link.ts';
import { makeFolder, resetFolder } from './oracle.ts';
import type { Target } from './target.ts';

const STDIO = resolve(import.meta.dirname, '../sftp/sftp-stdio-main.ts');
const COMMON = {
  hardlinks: true,
  refusesReads: false,
  writesInPlace: true,
  endsWithRequests: false,
  implicitParents: false,
  compared: { directoryModes: true, listedAttributes: true },
  // A server's setting cannot be changed while it runs.
  partialUploads: 'store' as const,
};

/** Sessions that have nothing open when a sequence ends serve the next one. */
class Pool {
  readonly #open: () => Promise<Channel>;
  readonly #idle: Channel[] = [];

  constructor(open: () => Promise<Channel>) {
    this.#open = open;
  }

  async connect(): Promise<Link> {
    const channel = this.#idle.pop() ?? (await this.#open());
    return new Link({
      request: (type, write) => channel.request(type, write),
      disconnect: async (openFiles) => {
        if (openFiles === 0) this.#idle.push(channel);
        else await channel.disconnect(openFiles);
      },
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((channel) => channel.disconnect(0)));
  }
}

/** Each session is a `latticeport sftp-stdio` of its own, on one directory. */
export async function stdioTarget(): Promise<Target> {
  const root = await makeFolder('differential-stdio');
  const command = [process.execPath, '--no-warnings', STDIO, '--root', root, '-u', '022'];
  const pool = new Pool(() => PipeChannel.start(command, root));
  return {
    ...COMMON,
    name: 'sftp-stdio processes',
    sharesOpenFiles: false,
    begin: (tree) => resetFolder(root, tree),
    connect: () => pool.connect(),
    leftovers: () => partFiles(root),
    stop: async () => {
      await pool.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** One server process with an SSH connection for each session; its workers, if any, take the connections in turn. */
export async function serverTarget(workers = 0): Promise<Target> {
  const folder = await makeFolder('differential-server');
  const identity = await makeIdentity(join(folder, 'identity'));
  const root = join(folder, 'files');
  const server = await startLatticeport({
    directory: folder,
    identity,
    hostKeys: ['ed25519'],
    storage: { type: 'local', root, fsync: 'never', hardlinks: true },
    config: {
      users: [{ name: identity.user, publicKeys: [identity.userKeys.ed25519.publicLine], home: '/' }],
      log: { level: 'info', format: 'json' },
      ...(workers > 1 ? { workers } : {}),
    },
  });
  if (workers > 1) await server.logged(({ event }) => event === 'primary.ready');
  const pool = new Pool(() => SshChannel.open(server));
  return {
    ...COMMON,
    name: workers > 1 ? `server with ${workers} workers` : 'server process',
    sharesOpenFiles: workers <= 1,
    begin: (tree) => resetFolder(root, tree),
    connect: () => pool.connect(),
    leftovers: () => partFiles(root),
    stop: async () => {
      await pool.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An SFTP session on an SSH connection of its own. */
class SshChannel implements Channel {
  readonly #server: RunningServer;
  readonly #sftp: SftpChannel;
  readonly #break: () => void;

  private constructor(server: RunningServer, sftp: SftpChannel, destroy: () => void) {
    this.#server = server;
    this.#sftp = sftp;
    this.#break = destroy;
  }

  static async open(server: RunningServer): Promise<SshChannel> {
    const socket = connectSocket({ host: server.host, port: server.port, noDelay: true });
    const client = new SshTestClient(socket, { algorithms: MODERN });
    await client.startAuth();
    const { user, userKeys } = server.identity;
    const key = parsePrivateKey(readFileSync(userKeys.ed25519.path, 'utf8'));
    if ((await client.publicKey(user, key, 'ssh-ed25519')) !== 52) throw new Error('not let in');
    return new SshChannel(server, await SftpChannel.open(client), () => socket.destroy());
  }

  async request(...[type, write]: Parameters<Channel['request']>): ReturnType<Channel['request']> {
    const { body, type: answered } = await this.#sftp.request(type, write);
    return { type: answered, body, id: 0 };
  }

  /** The server logs each file that it gives up. */
  async disconnect(openFiles: number): Promise<void> {
    const from = this.#server.process.lines.length;
    this.#break();
    let seen = from;
    for (let left = openFiles; left > 0; left -= 1) {
      await this.#server.process.line(
        (line) => {
          seen += 1;
          return line.includes('"event":"sftp.partial-close"');
        },
        { from: seen },
      );
    }
  }
}
