import type { AttributeChange, Entry, ReadHandle } from '../object-store.ts';
import { StorageError } from '../object-store.ts';
import type { OpenVersion } from './open-version.ts';
import type { VersionOperations } from './version-operations.ts';

type Source =
  | { readonly kind: 'being written'; readonly version: OpenVersion }
  | { readonly kind: 'stored'; readonly handle: ReadHandle }
  | { readonly kind: 'gone'; readonly reason: StorageError };

/** Reads a file that is being written: what was written so far, and after the commit the file that it became. */
export class VersionReadHandle implements ReadHandle {
  readonly #registry: VersionOperations;
  #source: Source;
  #open = true;

  constructor(registry: VersionOperations, version: OpenVersion) {
    this.#registry = registry;
    this.#source = { kind: 'being written', version };
    version.readers.add(this);
  }

  async stat(): Promise<Entry> {
    const source = this.#check();
    return source.kind === 'stored' ? source.handle.stat() : source.version.inner.stat();
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const source = this.#check();
    return source.kind === 'stored' ? source.handle.read(offset, length) : source.version.inner.read(offset, length);
  }

  async setAttributes(change: AttributeChange): Promise<void> {
    const source = this.#check();
    await (source.kind === 'stored' ? source.handle.setAttributes(change) : source.version.inner.setAttributes(change));
  }

  /** The version has ended: as a file, which `handle` reads, or as nothing. */
  ended(as: ReadHandle | StorageError): void {
    // It was closed while the file was being opened.
    if (!this.#open && !(as instanceof StorageError)) void as.close().catch(() => undefined);
    this.#source = as instanceof StorageError ? { kind: 'gone', reason: as } : { kind: 'stored', handle: as };
  }

  async close(): Promise<void> {
    if (!this.#open) throw new StorageError('failure', 'The file is closed.');
    this.#open = false;
    const source = this.#source;
    if (source.kind === 'stored') await source.handle.close();
    else if (source.kind === 'being written') {
      source.version.readers.delete(this);
      await this.#registry.readerLeft(source.version);
    }
  }

  #check(): Exclude<Source, { kind: 'gone' }> {
    if (!this.#open) throw new StorageError('failure', 'The file is closed.');
    if (this.#source.kind === 'gone') throw this.#source.reason;
    return this.#source;
  }
}
