import type { AttributeChange, ReadHandle } from '../object-store.ts';
import type { FollowingReadHandle } from './following-read-handle.ts';
import type { OpenVersion } from './open-version.ts';
import type { SharedWriteHandle } from './shared-write-handle.ts';

/** What handles ask of the registry: whatever has to be done in the lane of the name that their file has by now. */
export interface VersionOperations {
  /** The client has closed one handle of the version. Resolves when the store has confirmed what it wrote. */
  close(version: OpenVersion, writer: SharedWriteHandle): Promise<void>;
  checkpoint(version: OpenVersion): Promise<void>;
  /** The session of one handle is over without a close. */
  abandon(
    version: OpenVersion,
    writer: SharedWriteHandle,
    options: { readonly discard: boolean } | undefined,
  ): Promise<'stored' | 'discarded'>;
  /** A reader of the version is closed: a version without a name ends with the last one that has it open. */
  readerLeft(version: OpenVersion): Promise<void>;
  /** Of a file that is open for reading, whatever its name is by now. */
  setAttributesOf(reader: FollowingReadHandle, change: AttributeChange): Promise<void>;
  /** The store's own handle behind one that was opened here. */
  storedHandle(reader: ReadHandle): ReadHandle;
  /** The handle is closed. */
  forget(reader: FollowingReadHandle): void;
}
