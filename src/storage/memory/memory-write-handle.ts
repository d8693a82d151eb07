import { ExtentSet } from '../flow/extents.ts';
import { StorageError } from '../object-store.ts';
import type { AttributeChange, Entry, OpenWriteOptions, StorePath, WriteHandle } from '../object-store.ts';
import { GrowingBytes } from './growing-bytes.ts';
import { changed, fileAttributes } from './memory-tree.ts';
import type { NodeAttributes } from './memory-tree.ts';

/** What a handle needs of its store. */
export interface MemoryUpload {
  readonly options: OpenWriteOptions;
  readonly partialUploads: 'store' | 'discard';
  /** The file that was there at open. */
  readonly base: { readonly bytes: Buffer; readonly attributes: NodeAttributes } | undefined;
  /** Attributes of a file that this handle would create. */
  readonly fresh: NodeAttributes;
  /** Runs before each operation; may throw or wait. */
  before(operation: 'write' | 'sync' | 'commit'): Promise<void> | undefined;
  /** Seconds since the epoch. */
  now(): number;
  /** Throws 'too-large' where a file of `size` bytes is not allowed. */
  checkSize(size: number): void;
  /**
   * Puts the finished file in its place. `bytes` undefined: only the attributes change. With `overBase` only where the
   * file that was there at open, or at the last commit, still is. Throws 'changed' otherwise.
   */
  commit(bytes: Buffer | undefined, change: AttributeChange, overBase: boolean): void;
  /** The file's name is another one from now on. */
  moved(path: StorePath): void;
  ended(): void;
}

/** A private version of a file, put in place at close. Operations take effect in the order of their calls. */
export class MemoryWriteHandle implements WriteHandle {
  readonly isNew: boolean;
  readonly #upload: MemoryUpload;
  #bytes: GrowingBytes;
  #attributes: NodeAttributes;
  /** Whether it may replace whatever is at its path: only where it starts empty, and until its first commit. */
  #replaces: boolean;
  #change: AttributeChange;
  #written = false;
  /** What the file kept or a write has reached: for where it ends if the client does not close it. */
  readonly #reached = new ExtentSet();
  #touched: boolean;
  #phase: 'open' | 'failed' | 'ended' = 'open';
  #failure: unknown;
  #inFlight: Promise<void> = Promise.resolve();

  constructor(upload: MemoryUpload) {
    const { base, options } = upload;
    this.#upload = upload;
    this.isNew = base === undefined;
    this.#attributes = base?.attributes ?? upload.fresh;
    this.#replaces = options.truncate;
    this.#bytes = new GrowingBytes(options.truncate || base === undefined ? Buffer.alloc(0) : base.bytes);
    this.#reached.add(0, this.#bytes.size);
    // open(2) gives the mode to a file that it creates, and leaves that of one that is there.
    const { mode, ...others } = options.attributes;
    this.#change = base === undefined && mode !== undefined ? { ...others, mode } : others;
    this.#touched = options.truncate || base === undefined;
  }

  stat(): Promise<Entry> {
    return this.#run(undefined, () => {
      const attributes = changed(this.#stamped(), this.#change);
      return { kind: 'file', attributes: fileAttributes(attributes, this.#bytes.size) };
    });
  }

  write(offset: number | 'end', chunks: readonly Buffer[]): Promise<void> {
    return this.#run('write', () => {
      const position = offset === 'end' || this.#upload.options.append ? this.#bytes.size : offset;
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      this.#upload.checkSize(position + length);
      this.#reached.add(position, position + length);
      this.#bytes.write(position, chunks);
      this.#written ||= length > 0;
    });
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.#run(undefined, () => this.#bytes.read(offset, length));
  }

  truncate(size: number): Promise<void> {
    return this.#run('write', () => {
      if (size === this.#bytes.size) return;
      this.#upload.checkSize(size);
      this.#reached.remove(size, Number.MAX_SAFE_INTEGER);
      this.#bytes.truncate(size);
      this.#written = true;
    });
  }

  setAttributes(change: AttributeChange): Promise<void> {
    return this.#run(undefined, () => {
      this.#change = { ...this.#change, ...change };
    });
  }

  sync(): Promise<void> {
    return this.#run('sync', () => undefined);
  }

  async close(): Promise<void> {
    await this.#run('commit', () => undefined).catch(() => undefined);
    const phase = this.#end();
    if (phase === 'ended') throw new StorageError('failure', 'The file is closed');
    if (phase === 'failed') throw this.#failure;
    this.#commit(!this.#replaces);
  }

  checkpoint(): Promise<void> {
    return this.#run('commit', () => {
      this.#commit(!this.#replaces);
      const { size } = this.#bytes;
      this.#attributes = changed(this.#stamped(), this.#change);
      this.#change = {};
      this.#bytes = new GrowingBytes(this.#bytes.finish());
      this.#reached.add(0, size);
      this.#replaces = false;
      this.#touched = false;
      this.#written = false;
    });
  }

  async moved(path: StorePath): Promise<boolean> {
    await this.#run(undefined, () => {
      this.#upload.moved(path);
    });
    return true;
  }

  async abandon(options?: { readonly discard: boolean }): Promise<'stored' | 'discarded'> {
    await this.#run('commit', () => undefined).catch(() => undefined);
    const discard = options?.discard === true || this.#upload.partialUploads === 'discard';
    if (this.#end() !== 'open' || !this.#written || discard) return 'discarded';
    try {
      // What lies behind a gap would make the file look longer to a client that resumes than what it has sent.
      this.#bytes.truncate(Math.min(this.#bytes.size, this.#reached.endOfRun(0)));
      this.#commit(true);
      return 'stored';
    } catch {
      return 'discarded';
    }
  }

  #end(): 'open' | 'failed' | 'ended' {
    const phase = this.#phase;
    this.#phase = 'ended';
    if (phase !== 'ended') this.#upload.ended();
    return phase;
  }

  /** As open(2) does, making a file or an existing one empty sets its time, as a write does. */
  #stamped(): NodeAttributes {
    return this.#touched || this.#written ? { ...this.#attributes, mtime: this.#upload.now() } : this.#attributes;
  }

  #commit(overBase: boolean): void {
    const replaces = this.#touched || this.#written;
    this.#upload.commit(replaces ? this.#bytes.finish() : undefined, this.#change, overBase);
  }

  /** One operation after the other. One that fails in the store ends the handle's usefulness for good. */
  #run<T>(operation: 'write' | 'sync' | 'commit' | undefined, action: () => T): Promise<T> {
    const result = this.#inFlight.then(async () => {
      if (this.#phase === 'failed') throw this.#failure;
      if (this.#phase === 'ended') throw new StorageError('failure', 'The file is closed');
      if (operation === undefined) return action();
      try {
        await this.#upload.before(operation);
        return action();
      } catch (error) {
        this.#failure = error;
        this.#phase = 'failed';
        throw error;
      }
    });
    this.#inFlight = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }
}
