import type { AttributeChange, Entry, ReadHandle, StorePath } from '../object-store.ts';
import type { VersionOperations } from './version-operations.ts';

/** A file that is read. It follows its name, so that what is set through it is set where the file is by now. */
export class FollowingReadHandle implements ReadHandle {
  readonly inner: ReadHandle;
  path: StorePath;
  /** Another file has its name by now, or none: what has happened to the name is nothing to it. */
  detached = false;
  readonly #registry: VersionOperations;

  constructor(registry: VersionOperations, inner: ReadHandle, path: StorePath) {
    this.#registry = registry;
    this.inner = inner;
    this.path = path;
  }

  stat(): Promise<Entry> {
    return this.inner.stat();
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.inner.read(offset, length);
  }

  setAttributes(change: AttributeChange): Promise<void> {
    return this.#registry.setAttributesOf(this, change);
  }

  close(): Promise<void> {
    this.#registry.forget(this);
    return this.inner.close();
  }
}
