import { KEPT_MODE_BITS, StorageError, type WriteHandle } from '../storage/object-store.ts';
import type { StoreLocation } from './mount-table.ts';

/** Bytes moved at once; one such buffer is held a move. */
const COPY_BYTES = 1024 * 1024;

/**
 * Moves a file from one store to another: copied whole, confirmed, then deleted at its old place, so that an
 * interruption leaves it in at least one of the two.
 * @throws StorageError 'unsupported' for anything but a file, 'exists' if the target is there and not to be replaced
 */
export async function moveBetweenStores(from: StoreLocation, to: StoreLocation, overwrite: boolean): Promise<void> {
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
      await copyExactly((offset, length) => reader.read(offset, length), writer, size);
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

async function copyExactly(
  read: (offset: number, length: number) => Promise<Buffer>,
  writer: WriteHandle,
  size: number,
): Promise<void> {
  let offset = 0;
  while (offset < size) {
    const bytes = await read(offset, Math.min(COPY_BYTES, size - offset));
    if (bytes.length === 0) throw new StorageError('changed', 'The file became shorter while it was being moved.');
    await writer.write(offset, [bytes]);
    offset += bytes.length;
  }
}
