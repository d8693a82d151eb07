import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { S3ConnectionOptions } from './s3-client.ts';

export interface StoreUrlOptions extends Pick<S3ConnectionOptions, 'region' | 'endpoint' | 'forcePathStyle'> {
  readonly bucket: string;
}

/** Ends a request that was only to be made up. */
class NotToBeSent extends Error {}

/**
 * Where the requests for a bucket go: the SDK's own rules, which know AWS's regions, virtual hosts, and endpoints in the
 * environment. Nothing is sent, and no credentials are looked for.
 */
export async function storeUrl({ bucket, region, endpoint, forcePathStyle }: StoreUrlOptions): Promise<URL> {
  let url: URL | undefined;
  const client = new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(forcePathStyle === undefined ? {} : { forcePathStyle }),
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
  });
  client.middlewareStack.add(
    () =>
      ({ request }) => {
        const { protocol, hostname, port } = request as { protocol: string; hostname: string; port?: number };
        url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}/`);
        throw new NotToBeSent();
      },
    { step: 'build', priority: 'low', name: 'latticeportStoreUrl' },
  );
  try {
    await client.send(new ListObjectsV2Command({ Bucket: bucket }));
  } catch (error) {
    if (!(error instanceof NotToBeSent)) throw error;
  } finally {
    client.destroy();
  }
  if (url === undefined) throw new TypeError('the SDK made no request');
  return url;
}
