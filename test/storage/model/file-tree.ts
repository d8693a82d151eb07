// What a file system is, as plainly as it can be said: names, whole versions of files, and which requests succeed.
import { SSH_FX } from '../../../src/sftp/protocol.ts';

const { OK, NO_SUCH_FILE, FAILURE } = SSH_FX;

/** One state of a file. A new object for every change and every move, so that who holds an old one can tell. */
export interface Version {
  readonly bytes: Buffer;
  /** Seconds; undefined where the store chose it. */
  readonly mtime: number | undefined;
}

export type Node = { readonly kind: 'directory' } | { readonly kind: 'file'; readonly version: Version };

const DIRECTORY: Node = { kind: 'directory' };

export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

export function isBelow(path: string, ancestor: string): boolean {
  return path.startsWith(`${ancestor}/`);
}

export function resized(bytes: Buffer, size: number): Buffer {
  const result = Buffer.alloc(size);
  bytes.copy(result);
  return result;
}

/** The answers are status codes; where an answer names several, each of them is right. */
export class FileTree {
  readonly #nodes = new Map<string, Node>();

  get(path: string): Node | undefined {
    return path === '/' ? DIRECTORY : this.#nodes.get(path);
  }

  version(path: string): Version | undefined {
    const node = this.get(path);
    return node?.kind === 'file' ? node.version : undefined;
  }

  isDirectory(path: string): boolean {
    return this.get(path)?.kind === 'directory';
  }

  put(path: string, version: Version): void {
    this.#nodes.set(path, { kind: 'file', version });
  }

  /** Every path with what is there, in no particular order. */
  entries(): [string, Node][] {
    return [...this.#nodes];
  }

  names(directory: string): string[] {
    const prefix = directory === '/' ? '/' : `${directory}/`;
    return [...this.#nodes.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'))
      .map((path) => path.slice(prefix.length));
  }

  mkdir(path: string): number {
    if (this.get(path) !== undefined) return FAILURE;
    if (!this.isDirectory(parentOf(path))) return NO_SUCH_FILE;
    this.#nodes.set(path, DIRECTORY);
    return OK;
  }

  rmdir(path: string): number {
    if (!this.isDirectory(path)) return NO_SUCH_FILE;
    if (this.names(path).length > 0) return FAILURE;
    this.#nodes.delete(path);
    return OK;
  }

  remove(path: string): number {
    const node = this.get(path);
    if (node === undefined) return NO_SUCH_FILE;
    if (node.kind === 'directory') return FAILURE;
    this.#nodes.delete(path);
    return OK;
  }

  /** SETSTAT of the size. */
  truncate(path: string, size: number): number {
    const node = this.get(path);
    if (node === undefined) return NO_SUCH_FILE;
    if (node.kind === 'directory') return FAILURE;
    const { bytes } = node.version;
    if (bytes.length !== size) this.put(path, { bytes: resized(bytes, size), mtime: undefined });
    return OK;
  }

  /** SETSTAT of the times. */
  touch(path: string, mtime: number): number {
    const node = this.get(path);
    if (node === undefined) return NO_SUCH_FILE;
    if (node.kind === 'file') this.put(path, { bytes: node.version.bytes, mtime });
    return OK;
  }

  /** Whether a rename fails, and with which codes; an empty list if it succeeds. */
  renameFailures(from: string, to: string, overwrite: boolean): readonly number[] {
    if (isBelow(to, from)) return [FAILURE];
    const source = this.get(from);
    const target = this.get(to);
    if (source === undefined) return target !== undefined && !overwrite ? [NO_SUCH_FILE, FAILURE] : [NO_SUCH_FILE];
    if (from === to) return [];
    if (target === undefined) return this.isDirectory(parentOf(to)) ? [] : [NO_SUCH_FILE];
    // A file replaces a file, if it may; a directory replaces nothing and is not replaced.
    return source.kind === 'file' && target.kind === 'file' && overwrite ? [] : [FAILURE];
  }

  rename(from: string, to: string): void {
    if (from === to) return;
    for (const [path, node] of this.entries()) {
      if (path !== from && !isBelow(path, from)) continue;
      this.#nodes.delete(path);
      this.#nodes.set(
        to + path.slice(from.length),
        node.kind === 'file' ? { kind: 'file', version: { ...node.version } } : node,
      );
    }
  }
}
