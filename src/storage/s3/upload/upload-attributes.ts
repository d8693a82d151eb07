import { randomBytes } from 'node:crypto';
import type { AttributeChange, OpenWriteOptions } from '../../object-store.ts';
import { UPLOAD_TAG, type ObjectMetadata, type ObjectProperties } from '../api/object-fields.ts';
import type { ObjectInfo } from '../api/object-info.ts';
import { applyChange, definedOnly, mergeChanges, withoutTimes } from '../mapping/attributes.ts';
import type { NewObject } from './multipart.ts';

/** What an object that is being written gets beside its bytes. */
export class UploadAttributes {
  /** Tells the finished object from any other. */
  readonly tag = randomBytes(16).toString('hex');
  /** What a file that replaces another keeps of it, as open(2) does: mode and owner, but not the times. */
  readonly #kept: ObjectProperties;
  #change: AttributeChange;
  /** What the multipart upload was begun with. */
  #changeAtBegin: AttributeChange | undefined;

  /** `attributes` are those of a new file; of one that is written anew only the times are taken. */
  constructor(
    existing: ObjectInfo | undefined,
    { attributes, truncate }: Pick<OpenWriteOptions, 'attributes' | 'truncate'>,
  ) {
    const { [UPLOAD_TAG]: _, ...metadata } = withoutTimes(existing?.properties.metadata ?? {});
    this.#kept = truncate ? { metadata } : { ...existing?.properties, metadata };
    const { mtime, atime } = attributes;
    this.#change = existing === undefined ? attributes : definedOnly({ mtime, atime });
  }

  /** What clients have set. */
  get change(): AttributeChange {
    return this.#change;
  }

  /** The metadata after the change, of a file whose bytes are all still those of the object with `unchanged`. */
  metadata(unchanged: ObjectMetadata | undefined): ObjectMetadata {
    return applyChange('file', unchanged ?? this.#kept.metadata, this.#change);
  }

  set(change: AttributeChange): void {
    this.#change = mergeChanges(this.#change, change);
  }

  /** The object at the key, as it would be stored now. */
  objectAt(key: string, tag = this.tag): NewObject {
    const metadata = applyChange('file', this.#kept.metadata, this.#change);
    return { key, tag, properties: { ...this.#kept, metadata: { ...metadata, [UPLOAD_TAG]: tag } } };
  }

  /** A multipart upload is begun with what was set until now. */
  begin(): void {
    this.#changeAtBegin = this.#change;
  }

  /** A multipart upload cannot take this any more: it needs a copy of the object after the end. */
  get changedSinceBegin(): boolean {
    return this.#change !== this.#changeAtBegin;
  }
}
