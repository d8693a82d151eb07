import { isInside } from '../storage/store-path.ts';
import type { ClientPath } from '../vfs/client-path.ts';
import type { SftpAction } from './events.ts';
import type { OpenFile, OpenHandle, OpenWriteFile } from './open-handle.ts';
import { SSH_FX } from './protocol.ts';
import { SftpStatus } from './status.ts';

const HANDLE_BYTES = 4;

/** What an open file takes at most of what the process may have open: the file, its new version, their directory. */
const DESCRIPTORS = { read: 1, write: 3, directory: 1 } as const;

/** The share of the process's descriptors that one user may take. */
export interface DescriptorShare {
  /** Whether there are so many more. */
  take(count: number): boolean;
  give(count: number): void;
}

const UNLIMITED_DESCRIPTORS: DescriptorShare = { take: () => true, give: () => undefined };

/** The open files and directories of one session. A handle is a number that is never used twice, as four bytes. */
export class HandleTable {
  readonly #handles = new Map<number, OpenHandle>();
  readonly #limit: number;
  readonly #descriptors: DescriptorShare;
  #lastNumber = 0;
  #reserved = 0;
  #ended = false;

  constructor(limit: number, descriptors: DescriptorShare = UNLIMITED_DESCRIPTORS) {
    this.#limit = limit;
    this.#descriptors = descriptors;
  }

  get size(): number {
    return this.#handles.size;
  }

  /**
   * Takes over the handle that `open` makes, and answers the bytes that name it. A handle that was opened while the
   * session ended is given up at once.
   * @throws SftpStatus FAILURE where no further handle may be opened
   */
  async open(open: () => Promise<OpenHandle>): Promise<Buffer> {
    if (this.#handles.size + this.#reserved >= this.#limit) {
      throw new SftpStatus(SSH_FX.FAILURE, `Too many open files: at most ${this.#limit} in one session.`);
    }
    if (!this.#descriptors.take(DESCRIPTORS.write)) {
      throw new SftpStatus(SSH_FX.FAILURE, 'Too many open files: the server has no room for more of this user.');
    }
    this.#reserved += 1;
    let handle: OpenHandle;
    try {
      handle = await open();
    } catch (error) {
      this.#descriptors.give(DESCRIPTORS.write);
      throw error;
    } finally {
      this.#reserved -= 1;
    }
    // Now that it is known what it is.
    this.#descriptors.give(DESCRIPTORS.write - DESCRIPTORS[handle.kind]);
    if (this.#ended) {
      await giveUp(handle);
      this.#descriptors.give(DESCRIPTORS[handle.kind]);
      throw new SftpStatus(SSH_FX.CONNECTION_LOST, 'The session has ended.');
    }
    this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    while (this.#handles.has(this.#lastNumber)) this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    this.#handles.set(this.#lastNumber, handle);
    const name = Buffer.allocUnsafe(HANDLE_BYTES);
    name.writeUInt32BE(this.#lastNumber);
    return name;
  }

  /** @throws SftpStatus FAILURE for what names no open handle (version 3 has no code for that) */
  find(name: Buffer): OpenHandle {
    const handle = name.length === HANDLE_BYTES ? this.#handles.get(name.readUInt32BE()) : undefined;
    if (handle === undefined || handle.closing) throw new SftpStatus(SSH_FX.FAILURE, 'No such handle.');
    return handle;
  }

  /** As `find`, for files only. */
  findFile(name: Buffer): OpenFile {
    const handle = this.find(name);
    if (handle.kind === 'directory') throw new SftpStatus(SSH_FX.FAILURE, 'The handle is of a directory.');
    return handle;
  }

  /** As `writersWithin`, at the path itself. */
  writersAt(path: ClientPath): OpenWriteFile[] {
    return this.writersWithin(path).filter((handle) => handle.path === path);
  }

  /**
   * The files that this session is writing at this path and under it, in the order of their opening. Also those whose
   * CLOSE has come but not its turn: the request that asks may have come before it.
   */
  writersWithin(path: ClientPath): OpenWriteFile[] {
    return [...this.#handles.values()].filter(
      (handle): handle is OpenWriteFile => handle.kind === 'write' && isInside(handle.path, path),
    );
  }

  /** This session has renamed `from`: what it has open there, or under it, goes by the new name. */
  renamed(from: ClientPath, to: ClientPath): void {
    for (const handle of this.#handles.values()) {
      if (isInside(handle.path, from)) handle.path = (to + handle.path.slice(from.length)) as ClientPath;
    }
  }

  delete(name: Buffer): void {
    if (name.length === HANDLE_BYTES) this.#forget(name.readUInt32BE());
  }

  /** Files whose CLOSE has come and is not done: where it waits for a copy, it fails. */
  stopCopying(): void {
    for (const handle of this.#handles.values()) {
      if (handle.kind === 'write') handle.file.stopCopying?.();
    }
  }

  #forget(number: number): void {
    const handle = this.#handles.get(number);
    if (handle === undefined) return;
    this.#handles.delete(number);
    this.#descriptors.give(DESCRIPTORS[handle.kind]);
  }

  /** Gives up every handle for which no CLOSE has come; answers what became of the files. Never throws. */
  async endAll(): Promise<SftpAction[]> {
    this.#ended = true;
    const open = [...this.#handles].filter(([, { closing }]) => !closing);
    for (const [, handle] of open) handle.closing = true;
    const actions = await Promise.all(
      open.map(async ([number, handle]) => {
        const action = await giveUp(handle);
        this.#forget(number);
        return action;
      }),
    );
    return actions.filter((action) => action !== undefined);
  }
}

async function giveUp(handle: OpenHandle): Promise<SftpAction | undefined> {
  if (handle.kind === 'directory') {
    await handle.stream.close().catch(() => undefined);
    return undefined;
  }
  const outcome = handle.kind === 'write' ? await handle.file.abandon() : 'read';
  if (handle.kind === 'read') await handle.file.close().catch(() => undefined);
  return {
    kind: 'partial-close',
    path: handle.path,
    bytesRead: handle.bytesRead,
    bytesWritten: handle.bytesWritten,
    milliseconds: Math.round(performance.now() - handle.openedAt),
    outcome,
  };
}
