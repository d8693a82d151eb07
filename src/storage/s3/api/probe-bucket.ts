import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { tlsCodeOf, tlsFaultOf, tlsReason, type TlsFault } from '../../../tls/tls-fault.ts';
import { systemClock } from '../../flow/clock.ts';
import { classify, NOT_ENCRYPTED, type Fault } from './errors.ts';
import { interceptListing } from './list-answer.ts';
import { withRetry } from './retry.ts';
import { S3Connections, type S3ConnectionOptions } from './s3-client.ts';

const CONNECT_MS = 5_000;
const IDLE_MS = 10_000;

/** Why a bucket cannot be used. */
export interface BucketProblem {
  /** It will be so until somebody changes something. Otherwise the store does not answer, or not now. */
  readonly permanent: boolean;
  /** The store's error code, such as `NoSuchBucket`, or the system's, such as `ECONNREFUSED`. */
  readonly code: string;
  /** The HTTP status, where an answer came. */
  readonly status: number | undefined;
  /** The setting to look at first. */
  readonly setting:
    'bucket' | 'credentials' | 'region' | 'endpoint' | 'tls.postQuantum' | 'tls.caFile' | 'tls.certificateFile';
  /** For the operator. */
  readonly words: string;
}

/** Which bucket, and how to reach it. */
export interface ProbeOptions extends Omit<S3ConnectionOptions, 'maxSockets' | 'connectTimeoutMs' | 'idleTimeoutMs'> {
  readonly bucket: string;
  readonly prefix?: string;
  /** Milliseconds; default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds; default 10,000. */
  readonly idleTimeoutMs?: number;
}

type Meaning = readonly [BucketProblem['setting'], string];

const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['NoSuchBucket', ['bucket', 'there is no such bucket']],
  ['InvalidBucketName', ['bucket', 'the store takes that for no name of a bucket']],
  ['AccessDenied', ['bucket', 'the account may not list the bucket (s3:ListBucket)']],
  ['AllAccessDisabled', ['bucket', 'the bucket is closed']],
  ['InvalidAccessKeyId', ['credentials', 'the store does not know the access key']],
  ['SignatureDoesNotMatch', ['credentials', 'the secret key is wrong']],
  ['CredentialsProviderError', ['credentials', 'no credentials were found']],
  ['ExpiredToken', ['credentials', 'the credentials have expired']],
  ['InvalidToken', ['credentials', 'the session token is wrong']],
  ['RequestTimeTooSkewed', ['credentials', "this machine's clock differs from the store's"]],
  ['PermanentRedirect', ['region', 'the bucket is in another region']],
  ['AuthorizationHeaderMalformed', ['region', 'the bucket is in another region']],
  ['IllegalLocationConstraintException', ['region', 'the bucket is in another region']],
  ['ECONNREFUSED', ['endpoint', 'nothing listens there']],
  ['ENOTFOUND', ['endpoint', 'no address is known for that name']],
  ['EAI_AGAIN', ['endpoint', 'no name server answers']],
  ['EHOSTUNREACH', ['endpoint', 'there is no way to it']],
  ['ENETUNREACH', ['endpoint', 'there is no way to it']],
  ['TimeoutError', ['endpoint', 'it does not answer']],
  ['SyntaxError', ['endpoint', 'its answer is not that of an S3 store']],
  [NOT_ENCRYPTED, ['tls.postQuantum', 'the endpoint is plain http, and "require" needs TLS']],
]);

const TLS_MEANINGS: Readonly<Record<TlsFault, Meaning>> = {
  handshake: ['endpoint', 'no TLS connection with it'],
  'not-trusted': ['tls.caFile', 'its certificate is of no authority that is trusted here'],
  'other-name': ['endpoint', 'its certificate is for another name'],
  'certificate-refused': ['tls.certificateFile', 'it asks for a certificate of ours, or does not take the one it gets'],
};

/**
 * Asks for one name of the bucket: the least that shows whether name, region, keys and the permission to list are right.
 * One request, or two where the first only tells what the clocks differ by. Answers `null` where all is well.
 */
export async function probeBucket(options: ProbeOptions): Promise<BucketProblem | null> {
  const connections = new S3Connections({
    ...options,
    maxSockets: 1,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_MS,
    idleTimeoutMs: options.idleTimeoutMs ?? IDLE_MS,
  });
  const context = {
    attempts: 1,
    deadlineMs: CONNECT_MS + IDLE_MS,
    baseDelayMs: 0,
    maxDelayMs: 0,
    clock: systemClock,
    random: Math.random,
    events: () => undefined,
    renewCredentials: () => {
      connections.renewCredentials();
    },
  };
  try {
    await withRetry('ListObjectsV2', context, async () => {
      const command = new ListObjectsV2Command({
        Bucket: options.bucket,
        Prefix: options.prefix ?? '',
        MaxKeys: 1,
      });
      const listing = interceptListing(command);
      await connections.client.send(command);
      listing();
    });
    return null;
  } catch (error) {
    return describe(error, classify(error));
  } finally {
    connections.close();
  }
}

function describe(error: unknown, { remedy, reason, status }: Fault): BucketProblem {
  const tlsFault = tlsFaultOf(error);
  if (tlsFault !== null) {
    const [setting, words] = TLS_MEANINGS[tlsFault];
    return {
      permanent: true,
      code: tlsCodeOf(error),
      status: undefined,
      setting,
      words: `${words} (${tlsReason(error)})`,
    };
  }
  const isForeign = error instanceof SyntaxError;
  const code = isForeign ? 'SyntaxError' : reason === 'Unknown' && status !== undefined ? `HTTP ${status}` : reason;
  const permanent = remedy !== 'retry' && remedy !== 'slow-down';
  const [setting, words] = MEANINGS.get(code) ?? ['endpoint', messageOf(error)];
  return { permanent, code, status, setting, words };
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' && error.message !== 'UnknownError'
    ? error.message.slice(0, 300)
    : 'it gives no reason';
}
