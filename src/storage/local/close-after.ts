import type { LocalWriteHandle } from './local-write-handle.ts';

/** Closes what `action` has filled, or gives it up. `signal` ends a copy that `action` or the close waits for. */
export async function closeAfter(
  handle: LocalWriteHandle,
  signal: AbortSignal | undefined,
  action: () => Promise<void>,
): Promise<void> {
  const giveUp = (): void => void handle.abandon({ discard: true });
  signal?.addEventListener('abort', giveUp);
  try {
    signal?.throwIfAborted();
    await action();
    await handle.close();
  } catch (error) {
    await handle.abandon({ discard: true });
    throw error;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}
