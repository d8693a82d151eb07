import type { MultipartApi } from './multipart-api.ts';

/** An upload whose id nobody knows began within so many milliseconds of the time that its journal has. */
const WINDOW_MS = 120_000;

/**
 * Aborts multipart uploads of exactly this key that began about `around` (milliseconds, the store's clock) and that no
 * journal claims: those whose id was lost with the answer or with the process. Returns how many. Throws StorageError.
 */
export async function abortOrphans(
  multipart: MultipartApi,
  key: string,
  around: number,
  claimed: ReadonlySet<string>,
): Promise<number> {
  let count = 0;
  for await (const page of multipart.list(key)) {
    for (const upload of page) {
      if (upload.key !== key || claimed.has(upload.uploadId)) continue;
      if (Math.abs(upload.initiated - around) > WINDOW_MS) continue;
      await multipart.abort(upload);
      count += 1;
    }
  }
  return count;
}
