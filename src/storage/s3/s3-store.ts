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
import { AttributeMemory } from './attribute-memory.ts';
import { applyChange, attributesFrom, isNoChange, plainEntry, withoutTimes } from './attributes.ts';
import { copyObject, DEFAULT_SINGLE_COPY_BYTES, type CopyTools } from './copy.ts';
import { Directories } from './directories.ts';
import { WindowBuffers } from './download/window-buffers.ts';
import { DownloadHandle, type DownloadTools } from './download/download-handle.ts';
import { fetchInto } from './download/range-fetch.ts';
import { KeySpace } from './keys.ts';
import { listDirectory, type ListingTools } from './listing.ts';
import { MemoryBudget } from './memory-budget.ts';
import { MultipartApi } from './multipart-api.ts';
import { ObjectApi, UPLOAD_TAG, type ObjectInfo } from './object-api.ts';
import { rename, type RenameTools } from './rename.ts';
import { Requester } from './requester.ts';
import { S3Connections } from './s3-client.ts';
import { resolveOptions, type ResolvedOptions, type S3StoreOptions } from './s3-options.ts';
import { journalPrefix, Sweeper } from './sweeper.ts';
import { BucketJournal, noJournal } from './upload-journal.ts';
import { assemble, checkSparse } from './upload/assemble.ts';
import { Overlay } from './upload/overlay.ts';
import { PartBuffers } from './upload/part-buffers.ts';
import { PartPlan } from './upload/part-plan.ts';
import { SpoolSpace } from './upload/spool.ts';
import { UploadHandle, type UploadHandleTools } from './upload/upload-handle.ts';

/** Files in an S3 bucket. What it promises is the table in docs/storage.md. */
export class S3Store implements ObjectStore {
  readonly kind = 's3';
  readonly capabilities = { hardlink: false, symlink: false, holdsSymlinks: false, serverSideCopy: true };

  readonly #connections: S3Connections;
  readonly #options: ResolvedOptions;
  readonly #keys: KeySpace;
  readonly #objects: ObjectApi;
  readonly #directories: Directories;
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
    const memory = new AttributeMemory();
    this.#objects = new ObjectApi(requester, options, memory);
    this.#directories = new Directories(this.#keys, this.#objects, clock);
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
      readBase: async (base, from, into) =>
        fetchInto(this.#objects, context, base, from, into, new AbortController().signal),
      rewriteMetadata: async (key, change) => this.#rewriteMetadata(key, change),
      maxSparseBytes: resolved.maxSparseBytes,
      partialUploads: resolved.partialUploads,
      setStat: resolved.setStat,
      defaults: resolved.attributeDefaults,
      events,
    };
    if (this.#journal !== undefined && resolved.sweep !== false) {
      this.#sweeper = new Sweeper({
        ...this.#renameTools,
        multipart: parts.multipart,
        journal: this.#journal,
        options: resolved.sweep,
        random,
      });
    }
    const readBudget = options.readBudget ?? new MemoryBudget(resolved.readAhead.budgetBytes);
    this.#downloadTools = {
      objects: this.#objects,
      retry: context,
      readAhead: resolved.readAhead,
      budget: readBudget,
      windows: new WindowBuffers(readBudget, resolved.readAhead.rangeBytes),
    };
    this.#listingTools = {
      keys: this.#keys,
      objects: this.#objects,
      defaults: resolved.attributeDefaults,
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
    const { directoryTime, defaults } = this.#listingTools;
    if (path === '') return plainEntry('directory', 0, directoryTime, defaults);
    const file = await this.#objects.head(this.#keys.fileKey(path));
    if (file !== undefined) return this.#fileEntry(file);
    const [marker, exists] = await Promise.all([this.#directories.marker(path), this.#directories.hasKeys(path)]);
    if (marker !== undefined) {
      return {
        kind: 'directory',
        attributes: attributesFrom('directory', 0, marker.lastModified, marker.properties.metadata, defaults),
      };
    }
    if (exists) return plainEntry('directory', 0, directoryTime, defaults);
    throw new StorageError('not-found', 'No such file or directory.');
  }

  async *list(path: StorePath): AsyncIterable<readonly DirectoryEntry[]> {
    const { found } = yield* listDirectory(this.#listingTools, path);
    if (found || path === '') return;
    if ((await this.#objects.head(this.#keys.fileKey(path))) !== undefined) {
      throw new StorageError('not-a-directory', 'This is not a directory.');
    }
    throw new StorageError('not-found', 'No such directory.');
  }

  async openRead(path: StorePath): Promise<ReadHandle> {
    const file = await this.#requireFile(path);
    this.#openReads += 1;
    return new DownloadHandle(this.#downloadTools, file, this.#fileEntry(file), () => {
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
    if (!options.create && existing === undefined) throw new StorageError('not-found', 'No such file.');
    if (exclusive) this.#reserved.add(key);
    this.#openWrites += 1;
    return new UploadHandle(this.#uploadTools, { path, key, existing }, { ...options, exclusive }, () => {
      this.#openWrites -= 1;
      if (exclusive) this.#reserved.delete(key);
    });
  }

  async remove(path: StorePath): Promise<void> {
    const file = await this.#requireFile(path);
    await this.#directories.removeEntry(path, async () => this.#objects.delete(file.key));
  }

  async mkdir(path: StorePath, attributes: AttributeChange): Promise<void> {
    await this.#directories.make(path, this.#options.setStat === 'store' ? attributes : {});
  }

  async rmdir(path: StorePath): Promise<void> {
    await this.#directories.remove(path);
  }

  async rename(from: StorePath, to: StorePath, options: { overwrite: boolean }): Promise<void> {
    await rename(this.#renameTools, from, to, options);
  }

  async setAttributes(path: StorePath, change: AttributeChange, _options: { followSymlinks: boolean }): Promise<void> {
    if (this.#options.setStat === 'refuse') {
      throw new StorageError('unsupported', 'This server does not set file attributes.');
    }
    const { kind } = await this.stat(path, { followSymlinks: true });
    if (this.#options.setStat === 'ignore' || path === '') return;
    if (kind === 'file') {
      await this.#rewriteMetadata(this.#keys.fileKey(path), change);
      return;
    }
    const marker = await this.#directories.marker(path);
    const { [UPLOAD_TAG]: _, ...metadata } = marker?.properties.metadata ?? {};
    if (isNoChange('directory', metadata, change)) return;
    await this.#directories.writeMarker(path, applyChange('directory', metadata, change), { exclusive: false });
  }

  async truncate(path: StorePath, size: number, signal = new AbortController().signal): Promise<void> {
    const file = await this.#requireFile(path);
    if (file.size === size) return;
    const overlay = new Overlay(file, this.#uploadTools.readBase, this.#uploadTools.spool);
    const tag = randomBytes(16).toString('hex');
    const properties = {
      ...file.properties,
      metadata: { ...withoutTimes(file.properties.metadata), [UPLOAD_TAG]: tag },
    };
    const target = { key: file.key, properties, tag, exclusive: false, replaces: file.etag };
    try {
      await overlay.truncate(size);
      checkSparse(overlay.holes, this.#uploadTools.maxSparseBytes);
      await assemble(this.#uploadTools, overlay, target, signal);
    } finally {
      await overlay.release();
    }
  }

  async copyFile(from: StorePath, to: StorePath): Promise<void> {
    const source = await this.#requireFile(from);
    const target = this.#keys.fileKey(to);
    if (from === to) return;
    const [directory] = await Promise.all([this.#directories.hasKeys(to), this.#directories.requireParent(to)]);
    if (directory && (await this.#objects.head(target)) === undefined) {
      throw new StorageError('is-a-directory', 'The target is a directory.');
    }
    await copyObject(this.#copyTools, source, target, undefined, { exclusive: false });
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
    await this.#journal?.close();
    this.#connections.close();
  }

  /** Ends now what processes that died have left, as happens at start and on a schedule. Throws StorageError. */
  async sweep(): Promise<void> {
    await this.#sweeper?.sweep();
  }

  #fileEntry(file: ObjectInfo): Entry {
    return {
      kind: 'file',
      attributes: attributesFrom(
        'file',
        file.size,
        file.lastModified,
        file.properties.metadata,
        this.#options.attributeDefaults,
      ),
    };
  }

  /** Throws 'not-found' or 'is-a-directory'. */
  async #requireFile(path: StorePath): Promise<ObjectInfo> {
    const file = await this.#objects.head(this.#keys.fileKey(path));
    if (file !== undefined) return file;
    if (await this.#directories.hasKeys(path)) throw new StorageError('is-a-directory', 'This is a directory.');
    throw new StorageError('not-found', 'No such file.');
  }

  async #rewriteMetadata(key: string, change: AttributeChange): Promise<void> {
    const file = await this.#objects.head(key);
    if (file === undefined) throw new StorageError('not-found', 'No such file.');
    if (isNoChange('file', file.properties.metadata, change)) return;
    const { [UPLOAD_TAG]: _, ...metadata } = applyChange('file', file.properties.metadata, change);
    await copyObject(this.#copyTools, file, key, { ...file.properties, metadata }, { exclusive: false });
  }
}
