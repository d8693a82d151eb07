import { randomBytes } from 'node:crypto';
import {
  isChanged,
  StorageError,
  type AttributeChange,
  type DirectoryEntry,
  type Entry,
  type AssumedRole,
  type ObjectStore,
  type OpenWriteOptions,
  type ReadHandle,
  type SessionLooks,
  type StatOptions,
  type StorePath,
  type StoreStatistics,
  type StoreUsage,
  type WriteHandle,
} from '../object-store.ts';
import { applyChange, fileEntry, isNoChange, withoutTimes } from './mapping/attributes.ts';
import type { NameClaims } from './claims/name-claims.ts';
import { copyObject } from './upload/copy.ts';
import type { Directories } from './tree/directories.ts';
import { DownloadHandle, OPENING_BYTES } from './download/download-handle.ts';
import type { KeySpace } from './mapping/keys.ts';
import { directoryEntry, listDirectory, type ListingWatch } from './tree/listing.ts';
import { RecentLooks } from './tree/recent-looks.ts';
import type { ObjectApi } from './api/object-api.ts';
import { UPLOAD_TAG } from './api/object-fields.ts';
import { rewriteFound, rewriteMetadata } from './upload/metadata.ts';
import { rename } from './tree/rename.ts';
import { S3Connections } from './api/s3-client.ts';
import { contextFor, openContext } from './open-context.ts';
import type { S3Context } from './s3-context.ts';
import type { S3StoreOptions } from './s3-options.ts';
import { Sweeper } from './journal/sweeper.ts';
import { RoleStores } from './role/role-stores.ts';
import type { BucketJournal } from './journal/upload-journal.ts';
import { assemble, checkSparse } from './upload/assemble.ts';
import { commitVersion, type Commit, type StoreVersion } from './upload/commit.ts';
import { Overlay } from './upload/overlay.ts';
import { SpoolSpace } from './upload/spool.ts';
import { UploadHandle } from './upload/upload-handle.ts';
import type { VersionReference, ObjectInfo } from './api/object-info.ts';

/** What is ended with a store, in this order but for the connections. */
interface StoreHouse {
  readonly connections: S3Connections;
  readonly journal: BucketJournal | undefined;
  readonly sweeper: Sweeper | undefined;
}

/** What is open in a store, through whomever. */
interface OpenHandles {
  /** Keys of files that are being created with `exclusive`. */
  readonly reserved: Set<string>;
  writes: number;
  reads: number;
}

/** Files in an S3 bucket. What it promises is the table in docs/storage.md. */
export class S3Store implements ObjectStore {
  readonly kind = 's3';
  readonly capabilities = { hardlink: false, symlink: false, holdsSymlinks: false, serverSideCopy: true };

  /** Where it is this store's files as a role: the store. */
  readonly sameFilesAs?: S3Store;
  readonly #roles: RoleStores<S3Store>;
  readonly #context: S3Context;
  readonly #keys: KeySpace;
  readonly #objects: ObjectApi;
  readonly #directories: Directories;
  readonly #claims: NameClaims;
  /** What is to be ended with the store. */
  readonly #house: StoreHouse | undefined;
  readonly #open: OpenHandles;

  /** `of`: the store whose files they are, where the context is that of a role. */
  private constructor(
    context: S3Context,
    roles: (store: S3Store) => RoleStores<S3Store>,
    house: StoreHouse | undefined,
    of?: S3Store,
  ) {
    if (of !== undefined) this.sameFilesAs = of;
    this.#context = context;
    this.#keys = context.keys;
    this.#objects = context.objects;
    this.#directories = context.directories;
    this.#claims = context.claims;
    this.#house = house;
    this.#open = of === undefined ? { reserved: new Set(), writes: 0, reads: 0 } : of.#open;
    this.#roles = roles(this);
  }

  /** Prepares the spool; what a crash has left in the bucket is swept in the background. Throws RangeError for sizes out of their limits. */
  static async open(options: S3StoreOptions): Promise<S3Store> {
    const spool = options.spool === undefined ? undefined : await SpoolSpace.open(options.spool);
    const connections = new S3Connections({
      ...options,
      maxSockets: options.maxSockets ?? 256,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
    });
    const { context, journal } = openContext(connections, options, spool);
    const { sweep } = context;
    const sweeper = journal === undefined || sweep === false ? undefined : new Sweeper(context, journal, sweep);
    const roles = (own: S3Store): RoleStores<S3Store> =>
      new RoleStores(context, connections, (signer, name) => {
        return new S3Store(contextFor(context, options, signer, name), () => own.#roles, undefined, own);
      });
    const store = new S3Store(context, roles, { connections, journal, sweeper });
    sweeper?.start();
    return store;
  }

  assuming(role: AssumedRole): S3Store {
    return this.#roles.storeFor(role);
  }

  async stat(path: StorePath, _options: StatOptions): Promise<Entry> {
    if (path === '') return directoryEntry(undefined, this.#context);
    const look = this.#directories.fileAt(path);
    const lookInside = async (): Promise<[ObjectInfo | undefined, boolean]> =>
      Promise.all([this.#directories.marker(path), this.#directories.hasKeys(path)]);
    const early = this.#directories.wasSeen(path) ? lookInside() : undefined;
    // Its failure counts only where there is no file.
    early?.catch(() => undefined);
    const file = await look;
    if (file !== undefined) return this.#fileEntry(file);
    const [marker, exists] = await (early ?? lookInside());
    if (exists || marker !== undefined) return directoryEntry(marker, this.#context);
    throw new StorageError('not-found', 'No such file or directory.');
  }

  list(path: StorePath): AsyncIterable<readonly DirectoryEntry[]> {
    return this.#list(path);
  }

  looksOfSession(): SessionLooks {
    return new RecentLooks(this.#context, {
      stat: async (path, options) => this.stat(path, options),
      list: (path, watch) => this.#list(path, watch),
    });
  }

  async *#list(path: StorePath, watch?: ListingWatch): AsyncIterable<readonly DirectoryEntry[]> {
    const isPossible = this.#keys.canBeDirectory(path);
    const { found } = isPossible ? yield* listDirectory(this.#context, path, watch) : { found: false };
    if (found || path === '') return;
    if ((await this.#objects.head(this.#keys.fileKey(path))) !== undefined) {
      throw new StorageError('not-a-directory', 'This is not a directory.');
    }
    throw new StorageError('not-found', 'No such directory.');
  }

  async openRead(path: StorePath): Promise<ReadHandle> {
    const opened = await this.#objects.open(this.#keys.fileKey(path), OPENING_BYTES);
    if (opened === undefined) throw await this.#noFile(path);
    this.#open.reads += 1;
    return new DownloadHandle(this.#context, opened, {
      setAttributes: async (version, change) => this.#setOpenAttributes(version, change),
      onEnd: () => {
        this.#open.reads -= 1;
      },
    });
  }

  async openWrite(path: StorePath, options: OpenWriteOptions): Promise<WriteHandle> {
    const key = this.#keys.fileKey(path);
    const exclusive = options.create && options.exclusive;
    // It is here when the first bytes are; who writes for longer takes it again.
    this.#claims.ahead(path);
    const [existing, directory] = await Promise.all([
      this.#objects.head(key),
      this.#directories.hasKeys(path),
      this.#directories.requireParent(path),
    ]);
    if (directory && existing === undefined) throw new StorageError('is-a-directory', 'This is a directory.');
    if (exclusive && (existing !== undefined || this.#open.reserved.has(key))) {
      throw new StorageError('exists', 'The file exists already.');
    }
    if (existing === undefined) {
      if (!options.create) throw new StorageError('not-found', 'No such file.');
      this.#keys.newKey(path);
    }
    if (exclusive) this.#open.reserved.add(key);
    this.#open.writes += 1;
    return new UploadHandle(this.#context, { path, key, existing }, { ...options, exclusive }, () => {
      this.#open.writes -= 1;
      if (exclusive) this.#open.reserved.delete(key);
    });
  }

  async remove(path: StorePath): Promise<void> {
    const key = this.#keys.fileKey(path);
    const look = async (): Promise<ObjectInfo | undefined> => this.#objects.head(key);
    await this.#claims.holdWithLook(path, look, async (file, held) => {
      if (file === undefined) throw await this.#noFile(path);
      held.check();
      await this.#directories.removeEntry(path, async () => this.#objects.delete(key));
    });
  }

  async mkdir(path: StorePath, attributes: AttributeChange): Promise<void> {
    const change = this.#context.setStat === 'store' ? attributes : {};
    await this.#claims.hold([path], async () => this.#directories.make(path, change));
  }

  async rmdir(path: StorePath): Promise<void> {
    await this.#claims.hold([path], async () => this.#directories.remove(path));
  }

  async rename(from: StorePath, to: StorePath, options: { overwrite: boolean }): Promise<void> {
    await rename(this.#context, from, to, options);
  }

  async setAttributes(path: StorePath, change: AttributeChange, _options: { followSymlinks: boolean }): Promise<void> {
    this.#refuseIfSo();
    if (this.#context.setStat === 'ignore' || path === '') {
      await this.stat(path, { followSymlinks: true });
      return;
    }
    const key = this.#keys.fileKey(path);
    const look = async (): Promise<ObjectInfo | undefined> => this.#objects.head(key);
    await this.#claims.holdWithLook(path, look, async (file, held) => {
      if (file !== undefined) {
        held.check();
        await rewriteFound(this.#context, file, change);
        return;
      }
      const marker = await this.#directories.marker(path);
      if (marker === undefined && !(await this.#directories.hasKeys(path))) {
        throw new StorageError('not-found', 'No such file or directory.');
      }
      held.check();
      const { [UPLOAD_TAG]: _, ...metadata } = marker?.properties.metadata ?? {};
      if (isNoChange('directory', metadata, change)) return;
      await this.#directories.writeMarker(path, applyChange('directory', metadata, change), { exclusive: false });
    });
  }

  async truncate(path: StorePath, size: number, signal = new AbortController().signal): Promise<void> {
    const file = await this.#requireFile(path);
    if (file.size === size) return;
    const overlay = new Overlay(file, this.#context.readBase, this.#context.spool);
    const { key } = file;
    const tag = randomBytes(16).toString('hex');
    const metadata = { ...withoutTimes(file.properties.metadata), [UPLOAD_TAG]: tag };
    const target = { path, key, base: file, onlyOverBase: true, exclusive: false };
    const commit: Commit = async (store, how) => commitVersion(this.#context, target, store, how);
    try {
      await overlay.truncate(size);
      checkSparse(overlay.holes, this.#context.maxSparseBytes);
      const properties = { ...file.properties, metadata };
      await assemble(this.#context, overlay, { key, properties, tag }, { commit, signal });
    } finally {
      await overlay.release();
    }
  }

  async copyFile(from: StorePath, to: StorePath): Promise<void> {
    const source = await this.#requireFile(from);
    const key = this.#keys.newKey(to);
    if (from === to) return;
    if ((await this.#objects.head(key)) === undefined && (await this.#directories.hasKeys(to))) {
      throw new StorageError('is-a-directory', 'The target is a directory.');
    }
    const target = { path: to, key, base: undefined, onlyOverBase: false, exclusive: false };
    const copy: StoreVersion = async (condition) => copyObject(this.#context, source, key, condition);
    await commitVersion(this.#context, target, copy, { looksFirst: true });
  }

  async statistics(path: StorePath): Promise<StoreStatistics> {
    await this.stat(path, { followSymlinks: true });
    return this.#context.statistics;
  }

  async hardlink(): Promise<void> {
    return Promise.reject(new StorageError('unsupported', 'This storage has no hard links.'));
  }

  async symlink(): Promise<void> {
    return Promise.reject(new StorageError('unsupported', 'This storage has no symbolic links.'));
  }

  async readlink(): Promise<string> {
    return Promise.reject(new StorageError('unsupported', 'This storage has no symbolic links.'));
  }

  usage(): StoreUsage {
    const { buffers, spool } = this.#context;
    return {
      uploadBytes: buffers.used,
      uploadsWaiting: buffers.waiting,
      spoolFiles: spool?.openFiles ?? 0,
      spoolBytes: spool?.used ?? 0,
      openWrites: this.#open.writes,
      readBytes: this.#context.readBudget.used,
      openReads: this.#open.reads,
    };
  }

  async close(): Promise<void> {
    if (this.#house === undefined) return;
    const { connections, journal, sweeper } = this.#house;
    await sweeper?.stop();
    await this.#claims.close();
    await journal?.close();
    connections.close();
  }

  /** Ends now what processes that died have left, as happens at start and on a schedule. Throws StorageError. */
  async sweep(): Promise<void> {
    await this.#house?.sweeper?.sweep();
  }

  #fileEntry({ size, lastModified, properties: { metadata } }: ObjectInfo): Entry {
    return fileEntry({ size, lastModified, metadata }, this.#context);
  }

  /** Throws 'not-found' or 'is-a-directory'. */
  async #requireFile(path: StorePath): Promise<ObjectInfo> {
    const file = await this.#objects.head(this.#keys.fileKey(path));
    if (file !== undefined) return file;
    throw await this.#noFile(path);
  }

  async #noFile(path: StorePath): Promise<StorageError> {
    return (await this.#directories.hasKeys(path))
      ? new StorageError('is-a-directory', 'This is a directory.')
      : new StorageError('not-found', 'No such file.');
  }

  #refuseIfSo(): void {
    if (this.#context.setStat !== 'refuse') return;
    throw new StorageError('unsupported', 'This server does not set file attributes.');
  }

  /** Of a file that is open: nothing happens where its name has gone to another one, or is gone. */
  async #setOpenAttributes(version: VersionReference, change: AttributeChange): Promise<void> {
    this.#refuseIfSo();
    if (this.#context.setStat === 'ignore') return;
    const { sameBytes } = this.#objects;
    const path = this.#keys.pathOf(sameBytes.latest(version).key);
    await this.#claims.hold([path], async () => {
      try {
        await rewriteMetadata(this.#context, sameBytes.latest(version), change);
      } catch (error) {
        if (!isChanged(error)) throw error;
      }
    });
  }
}
