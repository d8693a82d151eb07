// What a client may expect of a file that it has open.
import { SSH_FXF } from '../../../src/sftp/protocol.ts';
import { resized, type FileTree, type Version } from './file-tree.ts';
import type { OpenKind } from './operations.ts';

const { READ, WRITE, APPEND, CREAT, TRUNC, EXCL } = SSH_FXF;

export const OPEN_FLAGS: Readonly<Record<OpenKind, number>> = {
  read: READ,
  /** As clients upload. */
  put: WRITE | CREAT | TRUNC,
  /** As they resume. */
  continue: WRITE,
  create: WRITE | CREAT,
  exclusive: WRITE | CREAT | EXCL,
  edit: READ | WRITE,
  'create-edit': READ | WRITE | CREAT,
  append: WRITE | APPEND | CREAT,
};

/** A stretch of the file from `from` to `to`, exclusive. */
type Run = readonly [from: number, to: number];

/** A file open for reading: the version that was there at open, or an error where that is gone; never a mixture. */
export class OpenReader {
  readonly kind = 'read';
  readonly name: Buffer;
  readonly path: string;
  readonly version: Version;

  constructor(name: Buffer, path: string, version: Version) {
    this.name = name;
    this.path = path;
    this.version = version;
  }

  get size(): number {
    return this.version.bytes.length;
  }

  get bytes(): Buffer {
    return this.version.bytes;
  }

  get readable(): boolean {
    return true;
  }

  /** What is at the path is not what was opened any more. */
  isStale(tree: FileTree): boolean {
    return tree.version(this.path) !== this.version;
  }
}

/** A file open for writing: a version of its own until it is closed. */
export class OpenWriter {
  readonly kind = 'write';
  readonly name: Buffer;
  readonly path: string;
  readonly readable: boolean;
  readonly exclusive: boolean;
  readonly #append: boolean;
  /** The file whose bytes are kept. */
  readonly #base: Version | undefined;
  #bytes: Buffer;
  #mtime: number | undefined;
  /** The bytes or the size were changed by the client. */
  #changed = false;
  /** Bytes were received. */
  #received = false;
  /** What no gap of never written bytes divides from the start ends here; behind it `#beyond`. */
  #reached: number;
  #beyond: Run[] = [];
  /** An answer said that the store could not go on: nothing works on the handle any more. */
  failed = false;

  constructor(name: Buffer, path: string, kind: OpenKind, existing: Version | undefined) {
    const flags = OPEN_FLAGS[kind];
    this.name = name;
    this.path = path;
    this.readable = (flags & READ) !== 0;
    this.exclusive = (flags & EXCL) !== 0;
    this.#append = (flags & APPEND) !== 0;
    this.#base = (flags & TRUNC) === 0 ? existing : undefined;
    this.#bytes = this.#base?.bytes ?? Buffer.alloc(0);
    this.#reached = this.#bytes.length;
  }

  get size(): number {
    return this.#bytes.length;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get mtime(): number | undefined {
    return this.#mtime;
  }

  get changed(): boolean {
    return this.#changed;
  }

  get received(): boolean {
    return this.#received;
  }

  /** Closing it leaves the file's bytes as they are. */
  get keepsFile(): boolean {
    return this.#base !== undefined && !this.#changed;
  }

  /** The file whose bytes it keeps is not there any more: the store may not be able to fetch them. */
  isStale(tree: FileTree): boolean {
    return this.#base !== undefined && tree.version(this.path) !== this.#base;
  }

  /** Where a write at `offset` really goes. */
  target(offset: number): number {
    return this.#append ? this.size : offset;
  }

  write(offset: number, data: Buffer): void {
    const start = this.target(offset);
    const end = start + data.length;
    const bytes = Buffer.alloc(Math.max(this.size, end));
    this.#bytes.copy(bytes);
    data.copy(bytes, start);
    this.#bytes = bytes;
    this.#changed = true;
    this.#received = true;
    this.#beyond.push([start, end]);
    this.#join();
  }

  truncate(size: number): void {
    if (size !== this.size) this.#changed = true;
    this.#bytes = resized(this.#bytes, size);
    this.#reached = Math.min(this.#reached, size);
    this.#beyond = this.#beyond.map(([from, to]): Run => [from, Math.min(to, size)]).filter(([from, to]) => from < to);
  }

  touch(mtime: number): void {
    this.#mtime = mtime;
  }

  /** What a CLOSE makes the file. */
  closed(): Version {
    return { bytes: this.#bytes, mtime: this.#mtime };
  }

  /** What a disconnect makes of it: up to the first gap, so that a client that resumes at its end is right. */
  interrupted(): Version {
    return { bytes: this.#bytes.subarray(0, this.#reached), mtime: this.#mtime };
  }

  #join(): void {
    for (let moved = true; moved;) {
      const next = this.#beyond.find(([from, to]) => from <= this.#reached && to > this.#reached);
      moved = next !== undefined;
      if (next !== undefined) this.#reached = next[1];
    }
    this.#beyond = this.#beyond.filter(([, to]) => to > this.#reached);
  }
}

export type OpenFile = OpenReader | OpenWriter;
