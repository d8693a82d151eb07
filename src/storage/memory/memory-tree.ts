import { StorageError } from '../object-store.ts';
import { KEPT_MODE_BITS } from '../object-store.ts';
import type { AttributeChange, Entry, EntryAttributes, StorePath } from '../object-store.ts';
import { nameOf, parentOf } from '../store-path.ts';

const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** What an entry has beside its bytes. `mode` has permission bits only. Times are seconds. */
export interface NodeAttributes {
  mtime: number;
  atime: number;
  mode: number;
  uid: number;
  gid: number;
}

/** `bytes` is never changed in place: a new version is a new buffer, so that open readers keep the old one. */
export interface FileNode {
  readonly kind: 'file';
  bytes: Buffer;
  attributes: NodeAttributes;
}

export interface DirectoryNode {
  readonly kind: 'directory';
  readonly entries: Map<string, TreeNode>;
  attributes: NodeAttributes;
}

export type TreeNode = FileNode | DirectoryNode;

export function newDirectory(now: number, change: AttributeChange = {}): DirectoryNode {
  return { kind: 'directory', entries: new Map(), attributes: changed(freshAttributes(now, 0o755), change) };
}

export function freshAttributes(now: number, mode: number): NodeAttributes {
  return { mtime: now, atime: now, mode, uid: 0, gid: 0 };
}

export function changed(attributes: NodeAttributes, change: AttributeChange): NodeAttributes {
  return {
    mtime: change.mtime ?? attributes.mtime,
    atime: change.atime ?? attributes.atime,
    mode: change.mode === undefined ? attributes.mode : change.mode & KEPT_MODE_BITS,
    uid: change.uid ?? attributes.uid,
    gid: change.gid ?? attributes.gid,
  };
}

export function entryOf(node: TreeNode): Entry {
  return node.kind === 'file'
    ? { kind: 'file', attributes: fileAttributes(node.attributes, node.bytes.length) }
    : { kind: 'directory', attributes: { ...node.attributes, mode: S_IFDIR | node.attributes.mode, size: 0 } };
}

export function fileAttributes(attributes: NodeAttributes, size: number): EntryAttributes {
  return { ...attributes, mode: S_IFREG | attributes.mode, size };
}

/** The node at a checked path, or undefined. Throws 'not-a-directory' where the path goes through a file. */
export function findNode(root: DirectoryNode, path: StorePath): TreeNode | undefined {
  let node: TreeNode = root;
  if (path === '') return node;
  for (const segment of path.split('/')) {
    if (node.kind === 'file') throw new StorageError('not-a-directory', 'Not a directory');
    const next = node.entries.get(segment);
    if (next === undefined) return undefined;
    node = next;
  }
  return node;
}

/** Throws 'not-found'. */
export function getNode(root: DirectoryNode, path: StorePath): TreeNode {
  const node = findNode(root, path);
  if (node === undefined) throw new StorageError('not-found', 'No such file or directory');
  return node;
}

/** Throws 'not-found' and 'is-a-directory'. */
export function getFile(root: DirectoryNode, path: StorePath): FileNode {
  const node = getNode(root, path);
  if (node.kind === 'directory') throw new StorageError('is-a-directory', 'Is a directory');
  return node;
}

/** Throws 'not-found' and 'not-a-directory'. */
export function getDirectory(root: DirectoryNode, path: StorePath): DirectoryNode {
  const node = getNode(root, path);
  if (node.kind === 'file') throw new StorageError('not-a-directory', 'Not a directory');
  return node;
}

/** A name in a directory that is there; the name itself may be free. Not for the root. */
export interface Place {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly node: TreeNode | undefined;
}

export function findPlace(root: DirectoryNode, path: StorePath): Place {
  const directory = getDirectory(root, parentOf(path));
  const name = nameOf(path);
  return { directory, name, node: directory.entries.get(name) };
}
