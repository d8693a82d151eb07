import { copyRange } from '../storage/copy-range.ts';
import { KEPT_MODE_BITS, StorageError } from '../storage/object-store.ts';
import type { StoreLocation } from './mount-table.ts';

/**
 * Moves a file from one store to another: copied whole, confirmed, then deleted at its old place, so that an
 * interruption, by `signal` too, leaves it in at least one of the two.
 * @throws StorageError 'unsupported' for anything but a file, 'exists' if the target is there and not to be replaced
 */
export async function moveBetweenStores(
  from: StoreLocation,
  to: StoreLocation,
  { overwrite, signal }: { readonly overwrite: boolean; readonly signal?: AbortSignal },
): Promise<void> {
  const source = await from.directory.store.stat(from.path, { followSymlinks: false });
  if (source.kind !== 'file') {
    throw new StorageError('unsupported', 'Only files can be moved from one store to another.');
  }
  const { mtime, atime, mode } = source.attributes;
  const reader = await from.directory.store.openRead(from.path);
  try {
    const writer = await to.directory.store.openWrite(to.path, {
      create: true,
      exclusive: !overwrite,
      truncate: true,
      append: false,
      read: false,
      attributes: { mtime, atime, mode: mode & KEPT_MODE_BITS },
    });
    try {
      const { size } = (await reader.stat()).attributes;
      const copied = await copyRange({
        read: (offset, length) => reader.read(offset, length),
        writer,
        from: 0,
        to: 0,
        length: size,
        check: () => signal?.throwIfAborted(),
      });
      if (copied < size) throw new StorageError('changed', 'The file became shorter while it was being moved.');
      await writer.setAttributes({ mtime, atime });
    } catch (error) {
      await writer.abandon({ discard: true });
      throw error;
    }
    await writer.close();
  } finally {
    await reader.close();
  }
  await from.directory.store.remove(from.path);
}
