import type { VersionReference } from '../api/object-info.ts';

/** A stored object, pinned: the bytes that a new file takes over. */
export interface BaseObject extends VersionReference {
  /** Bytes. */
  readonly size: number;
}

/** Reads bytes of a base object, pinned to its ETag. */
export type BaseReader = (base: BaseObject, from: number, into: Buffer) => Promise<void>;
