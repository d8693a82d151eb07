import { tmpdir } from 'node:os';
import path from 'node:path';
import { isPlainHttp, type S3StorageConfig as S3Config } from '../../config/schema.ts';
import { ConfigError } from '../../policy/config-error.ts';
import type { StoreEventSink } from '../../storage/object-store.ts';
import { FAULT_KINDS } from '../../storage/s3/api/fault-kind.ts';
import type { BucketProblem } from '../../storage/s3/api/probe-bucket.ts';
import type { S3Credentials } from '../../storage/s3/api/s3-client.ts';
import type { S3StoreOptions } from '../../storage/s3/s3-options.ts';
import { likelyGroups } from '../../tls/groups.ts';
import { storeTls } from '../tls-material.ts';
import { problemAt, type ConfiguredStore } from './configured-store.ts';
import { LinkWatch } from './link-watch.ts';
import { storageLink } from './storage-link.ts';

/** Files in a bucket. The SDK is large: only those who use it load it. */
export function s3Store(storage: S3Config): ConfiguredStore {
  const { bucket, endpoint, region, prefix, uploadBudgetBytes, readAheadBudgetBytes } = storage;
  const place = `bucket ${JSON.stringify(bucket)} at ${endpoint ?? `AWS S3 in ${region}`}`;
  return {
    place,
    identity: JSON.stringify(['s3', endpoint ?? '', region, bucket, prefix]),
    directory: undefined,
    budgets: { uploadBytes: uploadBudgetBytes, readAheadBytes: readAheadBudgetBytes },
    faultKinds: FAULT_KINDS,
    tlsGroups: endpoint !== undefined && isPlainHttp(endpoint) ? [] : likelyGroups(storage.tls.postQuantum),
    check: async (file) => {
      const problem = await look(storage, file);
      if (problem?.permanent === true) {
        throw new ConfigError(file, `$.storage.${problem.setting}`, problemAt(place, problem));
      }
      return problem;
    },
    probe: async () => {
      try {
        return await look(storage, '');
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        // A file that was there at the start is not any more.
        const words = error.problems.map(({ problem }) => problem).join('; ');
        return { permanent: true, code: 'ConfigError', status: undefined, setting: 'tls.certificateFile', words };
      }
    },
    open: async (file, { onEvent, onTry, onLink }) => {
      checkBudget(storage, file);
      const tls = storeTls(storage, file);
      const watch = onLink === undefined ? undefined : new LinkWatch(tls, onLink);
      const { S3Store } = await import('../../storage/s3/s3-store.ts');
      return S3Store.open({ ...s3Options(storage, onEvent), tls, onTry, onConnection: watch?.onConnection });
    },
  };
}

/** Asks the store once. Throws ConfigError, with the name of the configuration `file`, for TLS settings that cannot be used. */
async function look(storage: S3Config, file: string): Promise<BucketProblem | null> {
  const tls = storeTls(storage, file);
  const { probeBucket } = await import('../../storage/s3/api/probe-bucket.ts');
  const problem = await probeBucket({ ...s3Options(storage, () => undefined), tls });
  if (problem === null || !tls.encryptedOnly || !mayBeClassical(problem)) return problem;
  const link = await storageLink(storage, file);
  if (link.kind !== 'failed' || link.offered === null) return problem;
  const { code, problem: words } = link;
  return { permanent: true, code, status: undefined, setting: 'tls.postQuantum', words };
}

/** Most stores that find no common group say so; some devices before them hang up. */
function mayBeClassical({ permanent, status, code }: BucketProblem): boolean {
  return status === undefined && (permanent || code === 'ECONNRESET');
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
