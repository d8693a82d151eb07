import { AssumeRoleCommand, STSClient, type STSClientConfig } from '@aws-sdk/client-sts';
import type { AssumedRole } from '../../object-store.ts';
import { classify, codeOf, isLinkFault, ROLE_REFUSED, ROLE_UNAVAILABLE } from './errors.ts';
import type { AccountConnection, S3Credentials } from './s3-client.ts';

/** STS has answered after so long, or the call has failed. Milliseconds. */
const DEADLINE_MS = 15_000;

/** What of an error's text goes into the log. */
const MAX_REASON_CHARACTERS = 500;

/** What STS has given. */
export interface RoleCredentials extends S3Credentials {
  readonly sessionToken: string;
  /** Milliseconds since the epoch, by the clock of STS. */
  readonly expiresAt: number;
}

/** A role could not be assumed. The text is for the log; it holds no secret. */
export class AssumeRoleError extends Error {
  /** What `classify` sorts by. */
  override readonly name: string;
  /** It will be so until somebody changes something. */
  readonly permanent: boolean;
  /** The error code of STS, or the system's. */
  readonly reason: string;

  constructor(permanent: boolean, reason: string, message: string) {
    super(message);
    this.name = permanent ? ROLE_REFUSED : ROLE_UNAVAILABLE;
    this.permanent = permanent;
    this.reason = reason;
  }
}

/**
 * One try of STS AssumeRole (AWS STS API Reference, AssumeRole), with the store's own credentials, over connections that are
 * protected as those to the store. @throws AssumeRoleError
 */
export async function assumeRole(connection: AccountConnection, role: AssumedRole): Promise<RoleCredentials> {
  const endpoint = role.endpoint ?? connection.endpoint;
  const config: STSClientConfig = {
    region: role.region ?? connection.region,
    requestHandler: connection.handler,
    // Tries are counted and paused by who asks.
    maxAttempts: 1,
    logger: connection.logger,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(connection.credentials === undefined ? {} : { credentials: { ...connection.credentials } }),
  };
  try {
    // It lasts for one call, so credentials of ours that have run out are read anew. The handler is not its to destroy.
    const client = new STSClient(config);
    const answer = await client.send(
      new AssumeRoleCommand({
        RoleArn: role.arn,
        RoleSessionName: role.sessionName,
        DurationSeconds: role.durationSeconds,
        ...(role.policy === undefined ? {} : { Policy: role.policy }),
        ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
      }),
      { abortSignal: AbortSignal.timeout(DEADLINE_MS) },
    );
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '', Expiration } = answer.Credentials ?? {};
    const expiresAt = Expiration instanceof Date ? Expiration.getTime() : Number.NaN;
    if (AccessKeyId === '' || SecretAccessKey === '' || SessionToken === '' || Number.isNaN(expiresAt)) {
      throw new AssumeRoleError(false, 'BadAnswer', 'STS has answered without credentials, or without their end');
    }
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken, expiresAt };
  } catch (error) {
    if (error instanceof AssumeRoleError) throw error;
    throw asAssumeRoleError(error);
  }
}

function asAssumeRoleError(error: unknown): AssumeRoleError {
  const { remedy, status } = classify(error);
  const code = codeOf(error);
  const reason = isDeadline(error)
    ? 'TimeoutError'
    : code === 'Unknown' && status !== undefined
      ? `HTTP ${status}`
      : code;
  const text = error instanceof Error ? error.message : String(error);
  const words = `STS AssumeRole: ${reason}: ${text}`.slice(0, MAX_REASON_CHARACTERS);
  const refused = isLinkFault(error) || (remedy === 'fail' && status !== undefined && status >= 400 && status < 500);
  return new AssumeRoleError(refused, reason, words);
}

function isDeadline(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}
