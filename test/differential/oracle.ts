// OpenSSH's sftp-server on a directory of its own: what every sequence is compared with.
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peersDirectory } from '../peers/peers.ts';
import { Link, PipeChannel } from './link.ts';
import { fillBytes } from './request.ts';
import type { InitialFile } from './world.ts';

const PEERS = peersDirectory(process.env);
const CANDIDATES = [
  join(PEERS, 'openssh-backports/usr/lib/openssh/sftp-server'),
  '/usr/lib/openssh/sftp-server',
  join(PEERS, 'openssh-stable/usr/lib/openssh/sftp-server'),
];

/** The program's path, or undefined where it is not installed. It has copy-data from OpenSSH 9.0 on. */
export function findSftpServer(): string | undefined {
  return CANDIDATES.find((path) => existsSync(path));
}

/** In memory where there is such a folder: it is the logic that is tried, not the disk. */
export async function makeFolder(name: string): Promise<string> {
  return mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `latticeport-${name}-`));
}

export interface InitialTree {
  readonly directories: readonly string[];
  readonly files: readonly InitialFile[];
}

/** What is in the folder becomes the tree; the folder itself stays. */
export async function resetFolder(folder: string, { directories, files }: InitialTree): Promise<void> {
  await Promise.all((await readdir(folder)).map((name) => rm(join(folder, name), { recursive: true })));
  for (const directory of directories) {
    await mkdir(join(folder, directory));
    await chmod(join(folder, directory), 0o755);
  }
  for (const { path, length, fill } of files) {
    await writeFile(join(folder, path), fillBytes(fill, length));
    await chmod(join(folder, path), 0o644);
  }
}

/** Its processes are kept from one sequence to the next: a session that ends has its handles closed. */
export class Oracle {
  readonly folder: string;
  readonly #program: string;
  readonly #idle: PipeChannel[] = [];
  readonly #all: PipeChannel[] = [];

  private constructor(folder: string, program: string) {
    this.folder = folder;
    this.#program = program;
  }

  static async start(program: string): Promise<Oracle> {
    return new Oracle(await makeFolder('oracle'), program);
  }

  begin(tree: InitialTree): Promise<void> {
    return resetFolder(this.folder, tree);
  }

  async connect(): Promise<Link> {
    const command = [this.#program, '-e', '-l', 'QUIET', '-u', '022', '-d', this.folder];
    const channel = this.#idle.pop() ?? (await PipeChannel.start(command, this.folder));
    if (!this.#all.includes(channel)) this.#all.push(channel);
    const link: Link = new Link({
      request: (type, write) => channel.request(type, write),
      disconnect: () => {
        this.#idle.push(channel);
        return Promise.resolve();
      },
    });
    return link;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((channel) => channel.disconnect()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** To a POSIX server a session that dies is one that closes everything. */
export async function endSession(link: Link): Promise<void> {
  for (const slot of link.openSlots) await link.call({ op: 'close', slot });
  await link.disconnect();
}
