import type { OpenWriteOptions, StorePath } from '../object-store.ts';
import type { FileCopier } from './copy-bytes.ts';
import type { LocalWriters } from './local-writers.ts';
import type { Located } from './path-resolver.ts';

/** What a write handle starts from. The handle releases the place's directory and closes the base. */
export interface LocalUpload {
  /** Where the path is, and the file that is there. */
  readonly place: Located;
  readonly options: OpenWriteOptions;
  readonly partialUploads: 'store' | 'discard';
  /** Whether close and sync wait for the disk. */
  readonly sync: boolean;
  readonly copier: FileCopier;
  /** What the file may have of holes. Bytes. */
  readonly maxSparseBytes: number;
  /** That file, open for reading, where its bytes are kept. */
  readonly base: number | undefined;
  /** Where a path is, and what is there. Whoever gets it releases the directory. */
  readonly locate: (path: StorePath) => Promise<Located>;
  /** It is one of them until nothing of it is left. */
  readonly writers: LocalWriters;
}
