/**
 * What a store gives to the layers above: files and directories by path. `local`, `s3` and `memory` implement it
 * and pass one contract test suite.
 *
 * A store path has no leading or trailing `/`; its segments are separated by single `/`, none of them `.`, `..`
 * or empty, without NUL; '' is the root. The vfs guarantees this; a store checks it again, since a path that escapes
 * is the worst bug that it could have.
 */
export type StorePath = string;

export type EntryKind = 'file' | 'directory' | 'symlink' | 'other';

/** Times are seconds since the epoch, as in SFTP v3. Sizes are bytes. */
export interface EntryAttributes {
  readonly size: number;
  readonly mtime: number;
  readonly atime: number;
  /** Permission bits with the file type bits, as in stat(2). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Entry {
  readonly kind: EntryKind;
  readonly attributes: EntryAttributes;
}

export interface DirectoryEntry extends Entry {
  readonly name: string;
}

/** What a client may set. `size` is handled by `truncate`. `mode` has permission bits only (0o7777). */
export interface AttributeChange {
  readonly mtime?: number;
  readonly atime?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export type StorageErrorCode =
  | 'not-found'
  | 'permission-denied'
  | 'exists'
  | 'not-empty'
  | 'not-a-directory'
  | 'is-a-directory'
  | 'invalid-name'
  | 'unsupported'
  | 'no-space'
  | 'too-large'
  /** The object changed under an open read handle: the bytes would be a mixture. */
  | 'changed'
  /** The store does not answer or refuses for now; retries are spent. */
  | 'unavailable'
  | 'failure';

/** `message` is safe for the client: it names no bucket, key or local path. `cause` and `detail` are for the log. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  readonly detail: string | undefined;
  constructor(code: StorageErrorCode, message: string, options?: { cause?: unknown; detail?: string }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options?.detail;
  }
}

export interface ReadHandle {
  /** The entry as it was at open. */
  stat(): Promise<Entry>;
  /**
   * Up to `length` bytes from `offset`: shorter only at the end of the file, empty at or past it.
   * The caller owns the buffer. Concurrent calls are allowed.
   */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

export interface WriteHandle {
  /** Zeros that are left out instead of written cost no space: who copies may skip them. */
  readonly keepsHoles?: boolean;
  /** The file as this handle sees it, with what was written so far. */
  stat(): Promise<Entry>;
  /**
   * Takes the bytes of `chunks`, in order, at `offset`. Resolves when the handle has taken them, which may wait
   * for memory: that wait is the back-pressure. The chunks belong to the handle from the call on and are not copied by
   * the caller. Concurrent calls are allowed; where they overlap, the later call wins.
   * Rejects once the handle has failed.
   */
  write(offset: number, chunks: readonly Buffer[]): Promise<void>;
  /** Only on a handle opened with `read`. Sees the handle's own writes. */
  read(offset: number, length: number): Promise<Buffer>;
  truncate(size: number): Promise<void>;
  /** Kept and applied when the file is committed. */
  setAttributes(change: AttributeChange): Promise<void>;
  /** Resolves when every byte taken so far is safe from a crash of this process (as temporary file or parts). */
  sync(): Promise<void>;
  /** Commits: resolves only after the store has confirmed the whole file; until then the old file stays. */
  close(): Promise<void>;
  /** Ends a copy of the file's old bytes that is under way: what waits for it fails, and the old file stays. */
  stopCopying?(): void;
  /**
   * Ends the handle without a close from the client (disconnect, shutdown). By the store's `partialUploads` the bytes
   * received become the file ('stored') or are dropped and the old file stays ('discarded'). With `discard` they are
   * dropped whatever the policy says: for a copy that failed half-way. Never throws.
   */
  abandon(options?: { readonly discard: boolean }): Promise<'stored' | 'discarded'>;
}

export interface OpenWriteOptions {
  /** Create the file if it is not there; without it a missing file is 'not-found'. */
  readonly create: boolean;
  /** With create: fail with 'exists' if it is there (SSH_FXF_EXCL). */
  readonly exclusive: boolean;
  /** Start empty; otherwise the file's present bytes are kept. */
  readonly truncate: boolean;
  /** Every write goes to the end, whatever its offset (SSH_FXF_APPEND). */
  readonly append: boolean;
  /** The handle can be read too. */
  readonly read: boolean;
  readonly attributes: AttributeChange;
}

export interface StoreStatistics {
  readonly blockSize: number;
  readonly totalBlocks: number;
  readonly freeBlocks: number;
  readonly totalFiles: number;
  readonly freeFiles: number;
  readonly maxNameBytes: number;
}

/** What the store holds at this moment, for metrics and for tests of what it leaves behind. */
export interface StoreUsage {
  /** Memory of uploads, of all stores that share it. Bytes. */
  readonly uploadBytes: number;
  /** Uploads that wait for memory. */
  readonly uploadsWaiting: number;
  readonly spoolFiles: number;
  /** Bytes. */
  readonly spoolBytes: number;
  /** Handles that were opened for writing and have not ended. */
  readonly openWrites: number;
  /** Read-ahead memory, of all stores that share it. Bytes. */
  readonly readBytes: number;
  readonly openReads: number;
}

/** What a store can do beyond the core; the SFTP extensions advertised are computed from it. */
export interface StoreCapabilities {
  readonly hardlink: boolean;
  readonly symlink: boolean;
  /** `copyFile` is done by the store without moving the bytes through this process. */
  readonly serverSideCopy: boolean;
}

export interface ObjectStore {
  /** 'local', 's3' or 'memory': for logs and metrics. */
  readonly kind: string;
  readonly capabilities: StoreCapabilities;

  /** Throws 'not-found'. `followSymlinks` false is lstat. */
  stat(path: StorePath, options: { followSymlinks: boolean }): Promise<Entry>;
  /** The directory's entries, page by page, without `.` and `..`. Memory does not grow with the directory. */
  list(path: StorePath): AsyncIterable<readonly DirectoryEntry[]>;
  openRead(path: StorePath): Promise<ReadHandle>;
  openWrite(path: StorePath, options: OpenWriteOptions): Promise<WriteHandle>;
  remove(path: StorePath): Promise<void>;
  mkdir(path: StorePath, attributes: AttributeChange): Promise<void>;
  /** 'not-empty' if anything is in it. */
  rmdir(path: StorePath): Promise<void>;
  /**
   * File or directory. Without `overwrite` an existing target is 'exists' (RENAME); with it a file replaces a file
   * (posix-rename). Onto itself it does nothing. Copy first, delete after: an interruption loses nothing. `signal` ends
   * the copy of a file, where there has to be one.
   */
  rename(from: StorePath, to: StorePath, options: { overwrite: boolean; signal?: AbortSignal }): Promise<void>;
  setAttributes(path: StorePath, change: AttributeChange, options: { followSymlinks: boolean }): Promise<void>;
  /**
   * Sets a closed file's size: cut off, or filled up with zero bytes. `signal` ends what takes long, and the file stays
   * as it was.
   */
  truncate(path: StorePath, size: number, signal?: AbortSignal): Promise<void>;
  /** A whole-file copy inside the store; overwrites the target if it is a file. `signal` ends it, and nothing has changed. */
  copyFile(from: StorePath, to: StorePath, signal?: AbortSignal): Promise<void>;
  statistics(path: StorePath): Promise<StoreStatistics>;
  /** Only with the capability; otherwise 'unsupported'. */
  hardlink(existing: StorePath, link: StorePath): Promise<void>;
  /** `target` as the client gave it (relative or absolute in the client's view). */
  symlink(target: string, link: StorePath): Promise<void>;
  readlink(path: StorePath): Promise<string>;
  /** Only of stores that hold memory for transfers. */
  usage?(): StoreUsage;
  /** Stops timers, closes sockets. Open handles are the caller's to end first. */
  close(): Promise<void>;
}

/** Told to whoever composes the store: log lines, metrics. `fields` never holds secrets. */
export type StoreEventSink = (event: string, fields: Readonly<Record<string, unknown>>) => void;
