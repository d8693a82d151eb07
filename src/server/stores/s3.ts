import { tmpdir } from 'node:os';
import path from 'node:path';
import type { StorageConfig } from '../../config/schema.ts';
import { ConfigError } from '../../policy/config-error.ts';
import type { StoreEventSink } from '../../storage/object-store.ts';
import { FAULT_KINDS } from '../../storage/s3/api/fault-kind.ts';
import type { BucketProblem } from '../../storage/s3/api/probe-bucket.ts';
import type { S3Credentials } from '../../storage/s3/api/s3-client.ts';
import type { S3StoreOptions } from '../../storage/s3/s3-options.ts';
import { problemAt, type ConfiguredStore } from './configured-store.ts';

type S3Config = Extract<StorageConfig, { type: 's3' }>;

/** Files in a bucket. The SDK is large: only those who use it load it. */
export function s3Store(storage: S3Config): ConfiguredStore {
  const { bucket, endpoint, region, prefix, uploadBudgetBytes, readAheadBudgetBytes } = storage;
  const place = `bucket ${JSON.stringify(bucket)} at ${endpoint ?? `AWS S3 in ${region}`}`;
  const probe = async (): Promise<BucketProblem | null> => {
    const { probeBucket } = await import('../../storage/s3/api/probe-bucket.ts');
    return probeBucket(s3Options(storage, () => undefined));
  };
  return {
    place,
    identity: JSON.stringify(['s3', endpoint ?? '', region, bucket, prefix]),
    directory: undefined,
    budgets: { uploadBytes: uploadBudgetBytes, readAheadBytes: readAheadBudgetBytes },
    faultKinds: FAULT_KINDS,
    check: async (file) => {
      const problem = await probe();
      if (problem?.permanent === true) {
        throw new ConfigError(file, `$.storage.${problem.setting}`, problemAt(place, problem));
      }
      return problem;
    },
    probe,
    open: async (file, { onEvent, onTry }) => {
      checkBudget(storage, file);
      const { S3Store } = await import('../../storage/s3/s3-store.ts');
      return S3Store.open({ ...s3Options(storage, onEvent), onTry });
    },
  };
}

/** An upload fills one part while another is on its way, and an eighth of the budget is kept for small files. */
function checkBudget({ partBytes, uploadBudgetBytes }: S3Config, file: string): void {
  const least = Math.ceil(2.5 * partBytes);
  if (uploadBudgetBytes >= least) return;
  throw new ConfigError(
    file,
    '$.storage.uploadBudgetBytes',
    `too small for parts of ${partBytes} bytes: expected at least ${least}`,
  );
}

/** The S3 store's options, from the configuration's settings. */
export function s3Options(storage: S3Config, events: StoreEventSink): S3StoreOptions {
  const { endpoint, credentials } = storage;
  return {
    bucket: storage.bucket,
    prefix: storage.prefix,
    region: storage.region,
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: storage.forcePathStyle ?? endpoint !== undefined,
    ...(credentials === undefined ? {} : { credentials: withoutUndefined(credentials) }),
    requestChecksumCalculation: storage.requestChecksumCalculation,
    responseChecksumValidation: storage.responseChecksumValidation,
    partBytes: storage.partBytes,
    partsInFlight: storage.partsInFlight,
    uploadBudgetBytes: storage.uploadBudgetBytes,
    readAhead: {
      rangeBytes: storage.readAheadBytes,
      inFlight: storage.readAheadInFlight,
      budgetBytes: storage.readAheadBudgetBytes,
    },
    rename: { maxEntries: storage.renameMaxEntries, concurrency: storage.renameConcurrency },
    spool: {
      directory: storage.spoolDirectory ?? path.join(tmpdir(), `latticeport-spool-${process.getuid?.() ?? 0}`),
      maxBytes: storage.spoolMaxBytes,
    },
    maxSparseBytes: storage.maxSparseBytes,
    partialUploads: storage.partialUploads,
    setStat: storage.setStat,
    listTimes: storage.listTimes,
    events,
  };
}

type ConfiguredCredentials = NonNullable<S3Config['credentials']>;

function withoutUndefined({ sessionToken, ...credentials }: ConfiguredCredentials): S3Credentials {
  return sessionToken === undefined ? credentials : { ...credentials, sessionToken };
}
