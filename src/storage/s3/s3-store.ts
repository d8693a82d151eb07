import { randomBytes } from 'node:crypto';
import {
  StorageError,
  type AttributeChange,
  type DirectoryEntry,
  type Entry,
  type ObjectStore,
  type OpenWriteOptions,
  type ReadHandle,
  type StorePath,
  type StoreStatistics,
  type StoreUsage,
  type WriteHandle,
} from '../object-store.ts';
import { AttributeMemory } from './api/attribute-memory.ts';
import { applyChange, fileEntry, isNoChange, withoutTimes } from './mapping/attributes.ts';
import { ClaimObjects } from './claims/claim-objects.ts';
import { NameClaims } from './claims/name-claims.ts';
import { copyObject, DEFAULT_SINGLE_COPY_BYTES, type CopyTools } from './upload/copy.ts';
import { Directories } from './tree/directories.ts';
import { WindowBuffers } from './download/window-buffers.ts';
import { DownloadHandle, type DownloadTools } from './download/download-handle.ts';
import { fetchInto } from './download/range-fetch.ts';
import { KeySpace } from './mapping/keys.ts';
import { directoryEntry, listDirectory, type ListingTools } from './tree/listing.ts';
import { MemoryBudget } from '../flow/memory-budget.ts';
import { MultipartApi } from './api/multipart-api.ts';
import { ObjectApi } from './api/object-api.ts';
import { UPLOAD_TAG } from './api/object-fields.ts';
import { rewriteMetadata } from './upload/metadata.ts';
import { rename, type RenameTools } from './tree/rename.ts';
import { Requester } from './api/requester.ts';
import { S3Connections } from './api/s3-client.ts';
import { resolveOptions, type ResolvedOptions, type S3StoreOptions } from './s3-options.ts';
import { journalPrefix, Sweeper } from './journal/sweeper.ts';
import { BucketJournal, noJournal } from './journal/upload-journal.ts';
import { assemble, checkSparse } from './upload/assemble.ts';
import { commitVersion, type Commit, type StoreVersion } from './upload/commit.ts';
import { Overlay } from './upload/overlay.ts';
import { PartBuffers } from './upload/part-buffers.ts';
import { PartPlan } from './upload/part-plan.ts';
import { SpoolSpace } from './upload/spool.ts';
import { UploadHandle, type UploadHandleTools } from './upload/upload-handle.ts';
import type { VersionReference, ObjectInfo } from './api/object-info.ts';

/** Files in an S3 bucket. What it promises is the table in docs/storage.md. */
export class S3Store implements ObjectStore {
  readonly kind = 's3';
  readonly capabilities = { hardlink: false, symlink: false, holdsSymlinks: false, serverSideCopy: true };

  readonly #connections: S3Connections;
  readonly #options: ResolvedOptions;
  readonly #keys: KeySpace;
  readonly #objects: ObjectApi;
  readonly #directories: Directories;
  readonly #claims: NameClaims;
  readonly #uploadTools: UploadHandleTools;
  readonly #copyTools: CopyTools;
  readonly #renameTools: RenameTools;
  readonly #journal: BucketJournal | undefined;
  readonly #sweeper: Sweeper | undefined;
  readonly #downloadTools: DownloadTools;
  readonly #listingTools: ListingTools;
  /** Keys of files that are being created with `exclusive`. */
  readonly #reserved = new Set<string>();
  #openWrites = 0;
  #openReads = 0;

  private constructor(
    connections: S3Connections,
    options: S3StoreOptions,
    resolved: ResolvedOptions,
    spool: SpoolSpace | undefined,
  ) {
    this.#connections = connections;
    this.#options = resolved;
    this.#keys = new KeySpace(options.prefix ?? '');
    const { clock, random, events, retry } = resolved;
    const context = {
      ...retry,
      clock,
      random,
      events,
      onTry: options.onTry,
      client: () => connections.client,
      renewCredentials: () => {
        connections.renewCredentials();
      },
    };
    const requester = new Requester(options.bucket, context);
    const memory = new AttributeMemory({
      storeTime: () => clock.now() + connections.clockOffsetMs,
      isHidden: (key) => key.endsWith('/') || this.#keys.isReserved(key),
    });
    this.#objects = new ObjectApi(requester, options, memory);
    const leaseMs = resolved.claimLeaseMs;
    const claims = new ClaimObjects({ objects: this.#objects, keys: this.#keys, clock, events, leaseMs });
    this.#claims = new NameClaims({ claims, keys: this.#keys, clock, random, events, leaseMs });
    this.#directories = new Directories(this.#keys, this.#objects, this.#claims, clock);
    const journals = journalPrefix(this.#keys);
    const owner = randomBytes(12).toString('hex');
    this.#journal =
      resolved.sweep === false
        ? undefined
        : new BucketJournal({ objects: this.#objects, prefix: journals, key: journals + owner, clock, events });
    const parts = {
      objects: this.#objects,
      multipart: new MultipartApi(requester, this.#objects, options),
      journal: this.#journal ?? noJournal,
      clock,
      events,
      partsInFlight: resolved.partsInFlight,
      plan: new PartPlan(resolved.partBytes),
    };
    this.#copyTools = { ...parts, singleCopyBytes: DEFAULT_SINGLE_COPY_BYTES };
    this.#renameTools = {
      keys: this.#keys,
      objects: this.#objects,
      directories: this.#directories,
      claims: this.#claims,
      copy: this.#copyTools,
      options: resolved.rename,
      clock,
      events,
    };
    this.#uploadTools = {
      ...parts,
      buffers: options.uploadBuffers ?? new PartBuffers(resolved.uploadBudgetBytes),
      spool,
      copy: this.#copyTools,
      keys: this.#keys,
      claims: this.#claims,
      directories: this.#directories,
      readBase: async ({ key, etag }, from, into) =>
        fetchInto({ objects: this.#objects, retry: context }, { key, etag, from }, into, new AbortController().signal),
      maxSparseBytes: resolved.maxSparseBytes,
      partialUploads: resolved.partialUploads,
      setStat: resolved.setStat,
      times: resolved.listTimes,
      defaults: resolved.attributeDefaults,
      events,
    };
    if (this.#journal !== undefined && resolved.sweep !== false) {
      this.#sweeper = new Sweeper({
        ...this.#renameTools,
        multipart: parts.multipart,
        claimObjects: claims,
        journal: this.#journal,
        options: resolved.sweep,
        random,
      });
    }
    const readBudget = options.readBudget ?? new MemoryBudget(resolved.readAhead.budgetBytes);
    this.#downloadTools = {
      objects: this.#objects,
      times: resolved.listTimes,
      defaults: resolved.attributeDefaults,
      setAttributes: async (version, change) => this.#setOpenAttributes(version, change),
      retry: context,
      readAhead: resolved.readAhead,
      budget: readBudget,
      windows: new WindowBuffers(readBudget, resolved.readAhead.rangeBytes),
    };
    this.#listingTools = {
      keys: this.#keys,
      objects: this.#objects,
      defaults: resolved.attributeDefaults,
      times: resolved.listTimes,
      requests: resolved.listRequests,
      events,
      memory,
      directoryTime: Math.floor(clock.now() / 1000),
    };
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
    const store = new S3Store(connections, options, resolveOptions(options), spool);
    store.#sweeper?.start();
    return store;
  }

  async stat(path: StorePath, _options: { followSymlinks: boolean }): Promise<Entry> {
    if (path === '') return directoryEntry(undefined, this.#listingTools);
    const file = await this.#objects.head(this.#keys.fileKey(path));
    if (file !== undefined) return this.#fileEntry(file);
    const [marker, exists] = await Promise.all([this.#directories.marker(path), this.#directories.hasKeys(path)]);
    if (exists || marker !== undefined) return directoryEntry(marker, this.#listingTools);
    throw new StorageError('not-found', 'No such file or directory.');
  }

  async *list(path: StorePath): AsyncIterable<readonly DirectoryEntry[]> {
    const { found } = this.#keys.canBeDirectory(path)
      ? yield* listDirectory(this.#listingTools, path)
      : { found: false };
    if (found || path === '') return;
    if ((await this.#objects.head(this.#keys.fileKey(path))) !== undefined) {
      throw new StorageError('not-a-directory', 'This is not a directory.');
    }
    throw new StorageError('not-found', 'No such directory.');
  }

  async openRead(path: StorePath): Promise<ReadHandle> {
    const file = await this.#requireFile(path);
    this.#openReads += 1;
    return new DownloadHandle(this.#downloadTools, file, () => {
      this.#openReads -= 1;
    });
  }

  async openWrite(path: StorePath, options: OpenWriteOptions): Promise<WriteHandle> {
    const key = this.#keys.fileKey(path);
    const exclusive = options.create && options.exclusive;
    const [existing, directory] = await Promise.all([
      this.#objects.head(key),
      this.#directories.hasKeys(path),
      this.#directories.requireParent(path),
    ]);
    if (directory && existing === undefined) throw new StorageError('is-a-directory', 'This is a directory.');
    if (exclusive && (existing !== undefined || this.#reserved.has(key))) {
      throw new StorageError('exists', 'The file exists already.');
    }
    if (existing === undefined) {
      if (!options.create) throw new StorageError('not-found', 'No such file.');
      this.#keys.newKey(path);
    }
    // It is here when the first bytes are; who writes for longer takes it again.
    this.#claims.ahead(path);
    if (exclusive) this.#reserved.add(key);
    this.#openWrites += 1;
    return new UploadHandle(this.#uploadTools, { path, key, existing }, { ...options, exclusive }, () => {
      this.#openWrites -= 1;
      if (exclusive) this.#reserved.delete(key);
    });
  }

  async remove(path: StorePath): Promise<void> {
    this.#keys.fileKey(path);
    await this.#claims.hold([path], async (held) => {
      const { key } = await this.#requireFile(path);
      held.check();
      await this.#directories.removeEntry(path, async () => this.#objects.delete(key));
    });
  }

  async mkdir(path: StorePath, attributes: AttributeChange): Promise<void> {
    const change = this.#options.setStat === 'store' ? attributes : {};
    await this.#claims.hold([path], async () => this.#directories.make(path, change));
  }

  async rmdir(path: StorePath): Promise<void> {
    await this.#claims.hold([path], async () => this.#directories.remove(path));
  }

  async rename(from: StorePath, to: StorePath, options: { overwrite: boolean }): Promise<void> {
    await rename(this.#renameTools, from, to, options);
  }

  async setAttributes(path: StorePath, change: AttributeChange, _options: { followSymlinks: boolean }): Promise<void> {
    this.#refuseIfSo();
    if (this.#options.setStat === 'ignore' || path === '') {
      await this.stat(path, { followSymlinks: true });
      return;
    }
    await this.#claims.hold([path], async (held) => {
      const { kind } = await this.stat(path, { followSymlinks: true });
      held.check();
      if (kind === 'file') {
        await rewriteMetadata(this.#copyTools, { key: this.#keys.fileKey(path) }, change);
        return;
      }
      const marker = await this.#directories.marker(path);
      const { [UPLOAD_TAG]: _, ...metadata } = marker?.properties.metadata ?? {};
      if (isNoChange('directory', metadata, change)) return;
      await this.#directories.writeMarker(path, applyChange('directory', metadata, change), { exclusive: false });
    });
  }

  async truncate(path: StorePath, size: number, signal = new AbortController().signal): Promise<void> {
    const file = await this.#requireFile(path);
    if (file.size === size) return;
    const overlay = new Overlay(file, this.#uploadTools.readBase, this.#uploadTools.spool);
    const { key } = file;
    const tag = randomBytes(16).toString('hex');
    const metadata = { ...withoutTimes(file.properties.metadata), [UPLOAD_TAG]: tag };
    const target = { path, key, base: file, onlyOverBase: true, exclusive: false };
    const commit: Commit = async (store, how) => commitVersion(this.#uploadTools, target, store, how);
    try {
      await overlay.truncate(size);
      checkSparse(overlay.holes, this.#uploadTools.maxSparseBytes);
      const properties = { ...file.properties, metadata };
      await assemble(this.#uploadTools, overlay, { key, properties, tag }, commit, signal);
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
    const copy: StoreVersion = async (condition) => copyObject(this.#copyTools, source, key, condition);
    await commitVersion(this.#uploadTools, target, copy, { looksFirst: true });
  }

  async statistics(path: StorePath): Promise<StoreStatistics> {
    await this.stat(path, { followSymlinks: true });
    return this.#options.statistics;
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
    const { buffers, spool } = this.#uploadTools;
    return {
      uploadBytes: buffers.used,
      uploadsWaiting: buffers.waiting,
      spoolFiles: spool?.openFiles ?? 0,
      spoolBytes: spool?.used ?? 0,
      openWrites: this.#openWrites,
      readBytes: this.#downloadTools.budget.used,
      openReads: this.#openReads,
    };
  }

  async close(): Promise<void> {
    await this.#sweeper?.stop();
    await this.#claims.close();
    await this.#journal?.close();
    this.#connections.close();
  }

  /** Ends now what processes that died have left, as happens at start and on a schedule. Throws StorageError. */
  async sweep(): Promise<void> {
    await this.#sweeper?.sweep();
  }

  #fileEntry({ size, lastModified, properties: { metadata } }: ObjectInfo): Entry {
    return fileEntry({ size, lastModified, metadata }, this.#listingTools);
  }

  /** Throws 'not-found' or 'is-a-directory'. */
  async #requireFile(path: StorePath): Promise<ObjectInfo> {
    const file = await this.#objects.head(this.#keys.fileKey(path));
    if (file !== undefined) return file;
    if (await this.#directories.hasKeys(path)) throw new StorageError('is-a-directory', 'This is a directory.');
    throw new StorageError('not-found', 'No such file.');
  }

  #refuseIfSo(): void {
    if (this.#options.setStat !== 'refuse') return;
    throw new StorageError('unsupported', 'This server does not set file attributes.');
  }

  /** Of a file that is open: nothing happens where its name has gone to another one, or is gone. */
  async #setOpenAttributes(version: VersionReference, change: AttributeChange): Promise<void> {
    this.#refuseIfSo();
    if (this.#options.setStat === 'ignore') return;
    const { sameBytes } = this.#objects;
    const path = this.#keys.pathOf(sameBytes.latest(version).key);
    await this.#claims.hold([path], async () => {
      try {
        await rewriteMetadata(this.#copyTools, sameBytes.latest(version), change);
      } catch (error) {
        if (!(error instanceof StorageError) || error.code !== 'changed') throw error;
      }
    });
  }
}
