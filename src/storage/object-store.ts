/**
 * What a store gives to the layers above: files and directories by path. `local`, `s3` and `memory` implement it and
 * pass one suite of tests (test/storage/contract). docs/extending.md says how to add one.
 */

declare const storePath: unique symbol;

/**
 * A store path has no leading or trailing `/`; its segments are separated by single `/`, none of them `.`, `..`
 * or empty, without NUL; '' is the root. Only store-path.ts makes them, so that nothing else becomes one by mistake; a store
 * checks them again, since a path that escapes is the worst bug that it could have.
 */
export type StorePath = string & { readonly [storePath]: true };

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

/**
 * The mode bits that a store keeps: permissions and the sticky bit. The set-user-id and set-group-id bits are dropped
 * wherever a mode comes from. Nobody may upload a program that runs as its owner or group.
 */
export const KEPT_MODE_BITS = 0o1777;

/** What a client may set. `size` is handled by `truncate`. Of `mode` the `KEPT_MODE_BITS` are kept. */
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

export function isNotFound(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'not-found';
}

export function isChanged(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'changed';
}

export interface ReadHandle {
  /** The open file's entry as it is now, whatever name it has by now and whatever is at its old one. */
  stat(): Promise<Entry>;
  /**
   * Up to `length` bytes from `offset`: shorter only at the end of the file, empty at or past it.
   * The caller owns the buffer. Concurrent calls are allowed.
   */
  read(offset: number, length: number): Promise<Buffer>;
  /**
   * Changes the file that is open. Where its name has gone to another file since, that one stays as it is; a store that
   * cannot change a file without a name does nothing then.
   */
  setAttributes(change: AttributeChange): Promise<void>;
  /** The file was renamed: for stores whose handles find it by its path. */
  moved?(path: StorePath): Promise<void>;
  close(): Promise<void>;
}

/**
 * A version of a file that is being written. Its base is what is at the path when it is opened: a file, or nothing.
 *
 * Opened without `truncate`, it is a change of its base and is committed only over that. Where another version is at the
 * path by then, `close` and `checkpoint` reject with 'changed' and replace nothing. Opened with `truncate`, it replaces
 * whatever file is there.
 */
export interface WriteHandle {
  /** Nothing was at the path when the handle was opened. */
  readonly isNew: boolean;
  /** Zeros that are left out instead of written cost no space: who copies may skip them. */
  readonly keepsHoles?: boolean;
  /** The file as this handle sees it, with what was written so far. */
  stat(): Promise<Entry>;
  /**
   * Takes the bytes of `chunks`, in order, at `offset`, or where the file ends after the calls before. Resolves when the
   * handle has taken them. It may wait for memory: that wait is the back-pressure. The chunks belong to the handle from
   * the call on, so the caller must not change them. Concurrent calls are allowed. Where they overlap, the later call
   * wins. Rejects once the handle has failed.
   */
  write(offset: number | 'end', chunks: readonly Buffer[]): Promise<void>;
  /**
   * What was written so far, whether or not the handle was opened with `read`. Without it a store that has sent the bytes
   * away already may refuse with 'unsupported' and a clear text.
   */
  read(offset: number, length: number): Promise<Buffer>;
  truncate(size: number): Promise<void>;
  /**
   * Optional: the whole content becomes that of `source`, a handle of the same store, by a copy inside the store that moves no
   * byte through this process; of the version that `source` has open, when the handle is committed at the latest. Answers
   * the size in bytes; undefined where that cannot be done (something was written already, or kept), and nothing has changed.
   */
  copyWhole?(source: ReadHandle): Promise<number | undefined>;
  /** Kept and applied when the file is committed. */
  setAttributes(change: AttributeChange): Promise<void>;
  /** Resolves when every byte taken so far is safe from a crash of this process (as temporary file or parts). */
  sync(): Promise<void>;
  /** Commits: resolves only after the store has confirmed the whole file; until then the old file stays. */
  close(): Promise<void>;
  /** Ends a copy of the file's old bytes that is under way: what waits for it fails, and the old file stays. */
  stopCopying?(): void;
  /**
   * Commits what was written so far, as `close` does, and stays open: what follows changes the version that is at the path
   * then. After an error the handle has failed.
   */
  checkpoint(): Promise<void>;
  /**
   * The path has got another name, with what is there: the version is committed at the new one from now on. A change goes
   * along with the file that it changes; what replaces or makes a file replaces whatever is at the new path. False where
   * the store cannot follow, since it has sent bytes away under the old name: it commits there, where nothing is by then.
   */
  moved(path: StorePath): Promise<boolean>;
  /**
   * Optional: what is at the path is about to go, or to be replaced by somebody else. A store that would lose the bytes which
   * this handle keeps of it takes them now, as far as they are few: who has the file open still writes and reads it.
   */
  keepBase?(): Promise<void>;
  /** Optional: the path has lost its file, or has another one, and nothing of this one will be stored. Only `abandon` follows in the end. */
  detached?(): Promise<void>;
  /**
   * Ends the handle without a close from the client (disconnect, shutdown). By the store's `partialUploads` the bytes
   * received become the file ('stored') or are dropped and the old file stays ('discarded'). They are dropped in any case
   * where the path does not hold the base any more, with `truncate` too: somebody else's file is never replaced by a part.
   * With `discard` they are dropped whatever the policy says: for a copy that failed half-way. Never throws.
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
  /** Symbolic links may be in it, by whomever they were made: `SymbolicLinkMet` can come from every operation. */
  readonly holdsSymlinks: boolean;
  /** `copyFile` is done by the store without moving the bytes through this process. */
  readonly serverSideCopy: boolean;
}

export interface StatOptions {
  readonly followSymlinks: boolean;
  /** For the eyes of the client only: may come from `looksOfSession`. */
  readonly mayBeRecent?: boolean;
}

/** A role of the store's account that is assumed by STS (AWS STS API Reference, AssumeRole). */
export interface AssumedRole {
  readonly arn: string;
  /** Under which name the store's own records have what is done: 2 to 64 characters. */
  readonly sessionName: string;
  /** JSON of at most 2,048 characters: what it may do is at most what this allows. */
  readonly policy?: string;
  readonly externalId?: string;
  /** How long its credentials are asked for. */
  readonly durationSeconds: number;
  /** URL of STS. Default: that of the store; where it has none, AWS's own for the region. */
  readonly endpoint?: string;
  /** Default: that of the store. */
  readonly region?: string;
}

/** What a client asks before it opens a file; what is decided about a file asks the store itself. */
export type SessionLooks = Pick<ObjectStore, 'stat' | 'list'>;

/** No operation follows a symbolic link: `SymbolicLinkMet` of symbolic-link.ts is thrown where one is on the way. */
export interface ObjectStore {
  /** 'local', 's3' or 'memory': for logs and metrics. */
  readonly kind: string;
  readonly capabilities: StoreCapabilities;

  /** Throws 'not-found'. `followSymlinks` false is lstat; with true a link at the end is met, not told. */
  stat(path: StorePath, options: StatOptions): Promise<Entry>;
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
  /** `target` is relative to the link, or absolute, beginning at the store's root. */
  symlink(target: string, link: StorePath): Promise<void>;
  /** In the same form; '/' for what is outside of the store. */
  readlink(path: StorePath): Promise<string>;
  /**
   * Optional: `stat` and `list` as one session asks them, for a store that is far away. They may answer from what the same
   * session was shown a moment ago; the store says how long and what that can hide.
   */
  looksOfSession?(): SessionLooks;
  /**
   * Optional: the same files, asked for as a role that is assumed by it, and never with the store's own credentials. The same
   * role gives the same store as long as somebody has it. It is closed with the one that it is of.
   */
  assuming?(role: AssumedRole): ObjectStore;
  /** Of a store that `assuming` has answered: the store of which it is. */
  readonly sameFilesAs?: ObjectStore;
  /** Only of stores that hold memory for transfers. */
  usage?(): StoreUsage;
  /** Stops timers, closes sockets. Open handles are the caller's to end first. */
  close(): Promise<void>;
}

/** Told to whoever composes the store: log lines, metrics. `fields` never holds secrets. */
export type StoreEventSink = (event: string, fields: Readonly<Record<string, unknown>>) => void;
