import type { Stats } from 'node:fs';

/** A write handle, as those see it that set attributes of files. */
export interface LocalWriter {
  /** The attributes of a file were set, perhaps of the one that it changes or replaces. */
  touched(before: Stats, after: Stats): Promise<void>;
}

/** What is being written in a local store. A file whose attributes are set is the same file for who changes it. */
export class LocalWriters {
  readonly #open = new Set<LocalWriter>();

  add(writer: LocalWriter): void {
    this.#open.add(writer);
  }

  remove(writer: LocalWriter): void {
    this.#open.delete(writer);
  }

  /** Sets attributes of a file that `look` looks at, and tells all of it, also where a part of them could not be set. */
  async whileSetting(
    look: (when: 'before' | 'after') => Stats | Promise<Stats>,
    set: () => Promise<void>,
  ): Promise<void> {
    const before = await look('before');
    try {
      await set();
    } finally {
      // One may have begun meanwhile.
      const after = this.#open.size === 0 ? null : await look('after');
      if (after !== null) for (const writer of this.#open) await writer.touched(before, after);
    }
  }
}
