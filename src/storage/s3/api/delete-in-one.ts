import { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { codeOf, toStorageError } from './errors.ts';
import type { VersionReference } from './object-info.ts';
import type { Requester } from './requester.ts';

/**
 * Deletes at most 1,000 objects in one request, each only if it is this version, as far as the store heeds that. Answers
 * the keys that were not deleted, and whether that was for the condition. Throws StorageError.
 */
export async function deleteInOne(
  requester: Requester,
  objects: readonly VersionReference[],
): Promise<Map<string, { readonly isRefused: boolean }>> {
  if (objects.length === 0) return new Map();
  const send = async (conditional: boolean): Promise<Map<string, { readonly isRefused: boolean }>> => {
    const answer = await requester.runRaw('DeleteObjects', async ({ client, options }) =>
      client.send(
        new DeleteObjectsCommand({
          Bucket: requester.bucket,
          Delete: {
            Objects: objects.map(({ key, etag }) => ({ Key: key, ...(conditional ? { ETag: etag } : {}) })),
            Quiet: true,
          },
        }),
        options,
      ),
    );
    return new Map(
      (answer.Errors ?? []).map(({ Key, Code }) => [Key ?? '', { isRefused: Code === 'PreconditionFailed' }]),
    );
  };
  try {
    try {
      return await send(true);
    } catch (error) {
      // A store that reads the request strictly may not know the condition.
      if (!['MalformedXML', 'NotImplemented'].includes(codeOf(error))) throw error;
      return await send(false);
    }
  } catch (error) {
    throw toStorageError(error, 'DeleteObjects');
  }
}
