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

  stat(): Promise<Entry> {
    return this.#ask((file) => file.stat());
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.#ask((file) => file.read(offset, length));
  }

  setAttributes(change: AttributeChange): Promise<void> {
    return this.#ask((file) => file.setAttributes(change));
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

  /** Of the version, or where that ends at this moment, of the file that it becomes. */
  async #ask<T>(question: (file: Pick<ReadHandle, 'stat' | 'read' | 'setAttributes'>) => Promise<T>): Promise<T> {
    const source = this.#check();
    if (source.kind === 'stored') return question(source.handle);
    try {
      return await question(source.version.inner);
    } catch (error) {
      const { ending } = source.version;
      if (ending === undefined) throw error;
      await ending;
      const after = this.#check();
      if (after.kind !== 'stored') throw error;
      return question(after.handle);
    }
  }

  #check(): Exclude<Source, { kind: 'gone' }> {
    if (!this.#open) throw new StorageError('failure', 'The file is closed.');
    if (this.#source.kind === 'gone') throw this.#source.reason;
    return this.#source;
  }
}
