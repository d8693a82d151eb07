import { StorageError, type StorePath } from '../../object-store.ts';
import type { MultipartUpload } from './multipart.ts';
import type { Overlay } from './overlay.ts';
import type { PartStream } from './part-stream.ts';
import type { ObjectInfo } from '../api/object-info.ts';

/**
 * Where a file is on its way to the store. `buffering` and `streaming` take writes in (almost) any order and send parts
 * as they fill; `spooled` holds changes over the stored object on local disk, for handles that read what they write, or
 * that write into the middle of a stored file, and sends at close.
 */
export type UploadState =
  /** A stored file was opened to be continued, and nothing was written yet. */
  | { readonly phase: 'untouched'; readonly base: ObjectInfo }
  | { readonly phase: 'buffering'; readonly stream: PartStream }
  | StreamingState
  | { readonly phase: 'spooled'; readonly overlay: Overlay }
  | { readonly phase: 'completing'; readonly size: number }
  | { readonly phase: 'done'; readonly size: number }
  | { readonly phase: 'failed'; readonly error: StorageError };

export interface StreamingState {
  readonly phase: 'streaming';
  readonly stream: PartStream;
  readonly upload: MultipartUpload;
  /** The stored object whose bytes are the first parts. */
  readonly base: ObjectInfo | undefined;
}

export interface UploadTarget {
  readonly path: StorePath;
  readonly key: string;
  /** The object at the key when the file was opened. */
  readonly existing: ObjectInfo | undefined;
}

export interface UploadEnds {
  /** What ends waits for memory. */
  readonly signal: () => AbortSignal;
  /** Told when a part could not be sent. */
  readonly onPartFailure: (failure: StorageError) => void;
}

/** Why bytes cannot be read that are parts of an upload already. */
export function sentAway(): StorageError {
  return new StorageError(
    'unsupported',
    'These bytes of the file are on their way to the storage: they can be read when the file is closed.',
  );
}

/** Why a file in this state takes no more calls. */
export function ended(state: UploadState): StorageError {
  return state.phase === 'failed' ? state.error : new StorageError('failure', 'The file is closed.');
}
