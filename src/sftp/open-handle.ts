import type { DirectoryEntry, ReadHandle, WriteHandle } from '../storage/object-store.ts';
import type { ClientPath } from '../vfs/client-path.ts';
import type { DirectoryStream } from '../vfs/directory-stream.ts';
import { GroupLock } from './group-lock.ts';

interface HandleBase {
  /** The name that this session knows it by: it follows this session's renames. */
  path: ClientPath;
  readonly lock: GroupLock;
  /** Milliseconds of the process's monotonic clock. */
  readonly openedAt: number;
  bytesRead: number;
  bytesWritten: number;
  /** A CLOSE for it has come, or it was given up: later requests do not find it any more. */
  closing: boolean;
  /** A CLOSE for it has come from the client: what was asked of it before is carried out whatever happens. */
  closeReceived: boolean;
}

export interface OpenReadFile extends HandleBase {
  readonly kind: 'read';
  readonly file: ReadHandle;
}

export interface OpenWriteFile extends HandleBase {
  readonly kind: 'write';
  readonly file: WriteHandle;
  readonly readable: boolean;
  readonly writable: boolean;
}

export interface OpenDirectory extends HandleBase {
  readonly kind: 'directory';
  readonly stream: DirectoryStream;
  /** Entries of a page that did not fit into the last answer. */
  pending: readonly DirectoryEntry[];
}

export type OpenFile = OpenReadFile | OpenWriteFile;
export type OpenHandle = OpenFile | OpenDirectory;

/** What every new handle begins with. */
export function newHandle(path: ClientPath): HandleBase {
  return {
    path,
    lock: new GroupLock(),
    openedAt: performance.now(),
    bytesRead: 0,
    bytesWritten: 0,
    closing: false,
    closeReceived: false,
  };
}
