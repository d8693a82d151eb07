// A real S3 server for programs that are no jest tests (those have jest-global-setup.ts).
import { mkdir } from 'node:fs/promises';
import { findPeer } from './peers.ts';
import { bringDown, bringUp, RADOSGW } from './server-scripts.ts';

export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** For the SDK's client. */
  readonly clientConfig: {
    readonly endpoint: string;
    readonly region: string;
    readonly forcePathStyle: true;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
    readonly requestChecksumCalculation: 'WHEN_REQUIRED';
    readonly responseChecksumValidation: 'WHEN_REQUIRED';
  };
  /** Ends it; what it held is gone. */
  stop(): Promise<void>;
}

/**
 * Starts Ceph's radosgw with its data in memory and everything else below `directory`; `null` where it is not installed.
 * Deleted data stays for `gcWaitSeconds`, since somebody may be reading it; then it is collected.
 */
export async function startRadosgw(
  directory: string,
  { gcWaitSeconds = 120 }: { readonly gcWaitSeconds?: number } = {},
): Promise<S3Server | null> {
  if (findPeer('radosgw') === null) return null;
  await mkdir(directory, { recursive: true });
  const said = await bringUp(RADOSGW, directory, { env: { GC_WAIT: String(gcWaitSeconds) } });
  const value = (name: string): string => {
    const text = said.get(name);
    if (text === undefined) throw new Error(`s3-up.sh said no ${name}`);
    return text;
  };
  const credentials = { accessKeyId: value('AWS_ACCESS_KEY_ID'), secretAccessKey: value('AWS_SECRET_ACCESS_KEY') };
  const place = { endpoint: value('S3_ENDPOINT'), region: value('AWS_REGION') };
  return {
    ...place,
    ...credentials,
    clientConfig: {
      ...place,
      credentials,
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    },
    stop: async () => bringDown(RADOSGW, directory),
  };
}
