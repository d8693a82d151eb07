import { KEPT_MODE_BITS } from '../../object-store.ts';
import type { AttributeChange, Entry, EntryAttributes } from '../../object-store.ts';
import type { ObjectMetadata } from '../api/object-fields.ts';

/** File type bits of stat(2). */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** Times of SFTP v3 are 32 bits without a sign. */
const MAX_TIME = 0xffff_ffff;
const MAX_ID = 0xffff_ffff;

/** What an object shows where its metadata says nothing. */
export interface AttributeDefaults {
  /** Permission bits of a file. */
  readonly fileMode: number;
  /** Permission bits of a directory. */
  readonly directoryMode: number;
  readonly uid: number;
  readonly gid: number;
}

export const DEFAULT_ATTRIBUTES: AttributeDefaults = { fileMode: 0o644, directoryMode: 0o755, uid: 0, gid: 0 };

/**
 * The metadata names are those that rclone and s3fs-fuse read: `mtime` and `atime` in decimal seconds, perhaps with a
 * fraction; `mode` in decimal with the file type bits, as s3fs writes it (rclone's octal with a leading 0 is read
 * too); `uid` and `gid` in decimal.
 */
export function attributesFrom(
  kind: 'file' | 'directory',
  size: number,
  lastModifiedSeconds: number,
  metadata: ObjectMetadata,
  defaults: AttributeDefaults,
): EntryAttributes {
  const mtime = readTime(metadata['mtime']) ?? lastModifiedSeconds;
  const permissions = readMode(metadata['mode']) ?? (kind === 'file' ? defaults.fileMode : defaults.directoryMode);
  return {
    size,
    mtime,
    atime: readTime(metadata['atime']) ?? mtime,
    mode: permissions | (kind === 'file' ? S_IFREG : S_IFDIR),
    uid: readId(metadata['uid']) ?? defaults.uid,
    gid: readId(metadata['gid']) ?? defaults.gid,
  };
}

/**
 * Which times are shown, everywhere the same: those that were set, which are in the object's metadata, or that of storing,
 * which a listing has by itself.
 */
export type ListedTimes = 'stored' | 'upload';

/** Which attributes are shown of what an object says. */
export interface ShownAttributes {
  readonly listTimes: ListedTimes;
  readonly attributeDefaults: AttributeDefaults;
}

/** A file's entry from its object. */
export function fileEntry(
  object: { readonly size: number; readonly lastModified: number; readonly metadata: ObjectMetadata },
  { listTimes, attributeDefaults }: ShownAttributes,
): Entry {
  const metadata = listTimes === 'stored' ? object.metadata : withoutTimes(object.metadata);
  return {
    kind: 'file',
    attributes: attributesFrom('file', object.size, object.lastModified, metadata, attributeDefaults),
  };
}

/** `metadata` with the change written into it; names that are not ours stay as they are. */
export function applyChange(
  kind: 'file' | 'directory',
  metadata: ObjectMetadata,
  change: AttributeChange,
): Record<string, string> {
  const result: Record<string, string> = { ...metadata };
  if (change.mtime !== undefined) result['mtime'] = writeTime(change.mtime);
  if (change.atime !== undefined) result['atime'] = writeTime(change.atime);
  if (change.mode !== undefined) {
    result['mode'] = String((change.mode & KEPT_MODE_BITS) | (kind === 'file' ? S_IFREG : S_IFDIR));
  }
  if (change.uid !== undefined) result['uid'] = String(change.uid);
  if (change.gid !== undefined) result['gid'] = String(change.gid);
  return result;
}

/**
 * What the metadata of a file becomes when its bytes are written anew: its mode and owner stay, as with open(2), but for
 * the bits that write(2) clears, and its times are new ones.
 */
export function withoutTimes(metadata: ObjectMetadata): ObjectMetadata {
  const { mtime: _mtime, atime: _atime, ctime: _ctime, mode, ...kept } = metadata;
  return mode === undefined ? kept : { ...kept, mode: withoutSetIdBits(mode) };
}

/** True if the change says nothing that the metadata does not say already. */
export function isNoChange(kind: 'file' | 'directory', metadata: ObjectMetadata, change: AttributeChange): boolean {
  const changed = applyChange(kind, metadata, change);
  return Object.entries(changed).every(([name, value]) => metadata[name] === value);
}

/** A later change over an earlier one. */
export function mergeChanges(first: AttributeChange, second: AttributeChange): AttributeChange {
  return { ...first, ...definedOnly(second) };
}

/** The change without names whose value is undefined. */
export function definedOnly(change: { readonly [Name in keyof AttributeChange]: number | undefined }): AttributeChange {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

function readTime(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,12}(\.\d{1,12})?$/.test(text)) return undefined;
  return Math.min(Math.floor(Number(text)), MAX_TIME);
}

function writeTime(seconds: number): string {
  return String(Math.max(0, seconds));
}

/** A mode that another program has stored keeps its form unless it has such a bit. */
function withoutSetIdBits(text: string): string {
  const mode = readMode(text);
  return mode === undefined || (mode & ~KEPT_MODE_BITS) === 0 ? text : String(S_IFREG | (mode & KEPT_MODE_BITS));
}

function readMode(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = text.startsWith('0') && /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  return value & ~S_IFMT & 0o7777;
}

function readId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  return Math.min(Number(text), MAX_ID);
}
