import type { AttributeChange, ReadHandle } from '../object-store.ts';
import { StorageError } from '../object-store.ts';
import { FollowingReadHandle } from './following-read-handle.ts';
import type { NameLanes } from './name-lanes.ts';
import type { OpenFiles } from './open-files.ts';
import type { OpenVersion } from './open-version.ts';
import type { SharedWriteHandle } from './shared-write-handle.ts';
import type { VersionLife } from './version-life.ts';
import type { VersionOperations } from './version-operations.ts';

/** What handles ask for, done in the lanes of the names that their files have by now. */
export class HandleOperations implements VersionOperations {
  readonly #lanes: NameLanes;
  readonly #files: OpenFiles;
  readonly #life: VersionLife;

  constructor(lanes: NameLanes, files: OpenFiles, life: VersionLife) {
    this.#lanes = lanes;
    this.#files = files;
    this.#life = life;
  }

  async close(version: OpenVersion, writer: SharedWriteHandle): Promise<void> {
    await this.#lanes.runAtName(version, async (pass) => {
      const last = version.writers.size === 1;
      version.writers.delete(writer);
      if (version.failure !== undefined) {
        if (last) await this.#life.end(version);
        throw version.failure;
      }
      if (version.detached) {
        if (last) await this.#life.end(version);
      } else if (version.outdated) {
        // Who wrote nothing is told nothing; the others that have it open are told at their own close.
        if (last) {
          this.#life.detach(version);
          await this.#life.end(version);
        }
        if (writer.changed) throw outdated();
      } else if (last) {
        await this.#life.commit(version, pass);
      } else if (writer.changed) {
        await this.#life.publish(version, pass);
      }
    });
  }

  async checkpoint(version: OpenVersion): Promise<void> {
    await this.#lanes.runAtName(version, async (pass) => {
      if (version.failure !== undefined) throw version.failure;
      if (version.detached) return;
      // What it changes has gone, and its bytes with that: the close of who wrote some says the same.
      if (version.outdated) throw outdated();
      await this.#life.publish(version, pass);
    });
  }

  async abandon(
    version: OpenVersion,
    writer: SharedWriteHandle,
    options: { readonly discard: boolean } | undefined,
  ): Promise<'stored' | 'discarded'> {
    return this.#lanes.runAtName(version, async (pass) => {
      version.writers.delete(writer);
      // What it wrote is in the file that the others go on with.
      if (version.writers.size > 0) return 'stored';
      if (version.detached || version.failure !== undefined) {
        await this.#life.end(version);
        return 'discarded';
      }
      const newest = this.#files.versions.at(version.path).at(-1) === version;
      const discard = options?.discard === true || version.disturbed || !newest || version.home !== version.path;
      return version.end(async () => {
        if (!discard && version.changed) await this.#life.keepBases(version.path, version);
        this.#files.versions.remove(version);
        const outcome = await version.inner.abandon(discard ? { discard } : undefined);
        if (outcome === 'stored') await this.#life.happened({ kind: 'replaced', path: version.path }, pass);
        await this.#life.tellReaders(version, outcome === 'stored' ? version.path : undefined);
        return outcome;
      });
    });
  }

  async readerLeft(version: OpenVersion): Promise<void> {
    await this.#lanes.runAtName(version, async () => {
      if (version.detached && version.writers.size === 0) await this.#life.end(version);
    });
  }

  storedHandle(reader: ReadHandle): ReadHandle {
    return reader instanceof FollowingReadHandle ? reader.inner : reader;
  }

  forget(reader: FollowingReadHandle): void {
    this.#files.readers.remove(reader);
  }

  async setAttributesOf(reader: FollowingReadHandle, change: AttributeChange): Promise<void> {
    await this.#lanes.run([reader.path], { publish: true }, async (pass) => {
      if (reader.detached) {
        await reader.inner.setAttributes(change);
        return;
      }
      await this.#life.setAttributes(
        reader.path,
        change,
        pass,
        () => reader.inner.setAttributes(change),
        () => false,
      );
    });
  }
}

function outdated(): StorageError {
  return new StorageError('changed', 'Another version of the file was stored meanwhile.');
}
