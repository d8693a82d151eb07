import type { AttributeChange, Entry, OpenWriteOptions, ReadHandle, WriteHandle } from '../object-store.ts';
import { StorageError } from '../object-store.ts';
import type { SessionKey } from './open-files.ts';
import type { OpenVersion } from './open-version.ts';
import type { VersionOperations } from './version-operations.ts';

/** One client's handle on a version that it may share with others. */
export class SharedWriteHandle implements WriteHandle {
  readonly session: SessionKey;
  readonly isNew: boolean;
  readonly #registry: VersionOperations;
  readonly #version: OpenVersion;
  readonly #append: boolean;
  #phase: 'open' | 'ended' = 'open';
  #changed: boolean;

  constructor(registry: VersionOperations, version: OpenVersion, session: SessionKey, options: OpenWriteOptions) {
    this.#registry = registry;
    this.#version = version;
    this.session = session;
    this.isNew = version.kind === 'new';
    this.#append = options.append;
    // Starting empty, and being there at all, are changes too.
    this.#changed = options.truncate || (version.writers.size === 0 && version.kind !== 'changing');
    version.writers.add(this);
  }

  /** Something was done through this handle that its close has to store. */
  get changed(): boolean {
    return this.#changed;
  }

  /** What was done by now is stored, or the version fails. */
  stored(): void {
    this.#changed = false;
  }

  async stat(): Promise<Entry> {
    return this.#inner().stat();
  }

  async write(offset: number | 'end', chunks: readonly Buffer[]): Promise<void> {
    const inner = this.#inner();
    this.#touch();
    return inner.write(this.#append ? 'end' : offset, chunks);
  }

  async read(offset: number, length: number): Promise<Buffer> {
    return this.#inner().read(offset, length);
  }

  get keepsHoles(): boolean {
    return this.#version.inner.keepsHoles === true;
  }

  /** Of one that nobody else has open: what others wait for goes on. */
  stopCopying(): void {
    if (this.#version.writers.size === 1) this.#version.inner.stopCopying?.();
  }

  async copyWhole(source: ReadHandle): Promise<number | undefined> {
    const inner = this.#inner();
    const size = await inner.copyWhole?.(this.#registry.storedHandle(source));
    if (size !== undefined) this.#touch();
    return size;
  }

  async truncate(size: number): Promise<void> {
    const inner = this.#inner();
    this.#touch();
    return inner.truncate(size);
  }

  async setAttributes(change: AttributeChange): Promise<void> {
    const inner = this.#inner();
    this.#touch();
    return inner.setAttributes(change);
  }

  async sync(): Promise<void> {
    return this.#inner().sync();
  }

  async close(): Promise<void> {
    this.#inner();
    this.#phase = 'ended';
    await this.#registry.close(this.#version, this);
  }

  /** Every byte written by now, by whoever shares the version, becomes the file; it stays open. */
  async checkpoint(): Promise<void> {
    this.#inner();
    await this.#registry.checkpoint(this.#version);
  }

  /** Names are followed by the version. */
  moved(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async abandon(options?: { readonly discard: boolean }): Promise<'stored' | 'discarded'> {
    if (this.#phase === 'ended') return 'discarded';
    this.#phase = 'ended';
    return this.#registry.abandon(this.#version, this, options);
  }

  #touch(): void {
    this.#changed = true;
    this.#version.changed = true;
  }

  #inner(): WriteHandle {
    if (this.#phase === 'ended') throw new StorageError('failure', 'The file is closed.');
    return this.#version.inner;
  }
}
