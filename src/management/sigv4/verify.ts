import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { clearCredentialCache, SignatureV4 } from '@smithy/signature-v4';
import type { AccessKeyRecord } from '../../state/records.ts';
import { ApiError } from '../api-error.ts';
import { SIGNED_SERVICE, type SignatureClaim } from './authorization.ts';
import { Sha256 } from './sha256.ts';

/** Whoever names a key that is not there is compared with a signature by this secret. */
const NOBODYS_SECRET = randomBytes(30).toString('base64url');

/**
 * Whose request it is: signs what was signed once more, and compares. The request is a POST to `/` without a query. A key that
 * does not exist, one that is disabled, and a wrong signature cost and answer the same: nobody learns which keys there are.
 *
 * @throws ApiError InvalidSignatureException where the body is not the one that the client hashed,
 *   UnrecognizedClientException for everything else
 */
export async function verifySignature(
  claim: SignatureClaim,
  body: Uint8Array,
  accessKey: (accessKeyId: string) => AccessKeyRecord | undefined,
): Promise<AccessKeyRecord> {
  const { accessKeyId, region, headers, signedAt, bodyHash } = claim;
  // The library believes a hash that the request names.
  if (bodyHash !== null && createHash('sha256').update(body).digest('hex') !== bodyHash) {
    throw new ApiError('InvalidSignatureException', 'x-amz-content-sha256 is not the SHA-256 of the body');
  }
  const found = accessKey(accessKeyId);
  const record = found?.disabled === false ? found : null;
  const signer = new SignatureV4({
    service: SIGNED_SERVICE,
    region,
    credentials: { accessKeyId, secretAccessKey: record?.secretAccessKey ?? NOBODYS_SECRET },
    sha256: Sha256,
    applyChecksum: false,
  });
  // A key of which the library remembers something would be answered sooner than one that is not there.
  clearCredentialCache();
  const again = await signer.sign(
    { method: 'POST', protocol: 'https:', hostname: '', path: '/', query: {}, headers: { ...headers }, body },
    { signingDate: signedAt, signableHeaders: new Set(Object.keys(headers)) },
  );
  const expected = Buffer.from(again.headers['authorization']?.slice(-64) ?? '', 'hex');
  const isRight = expected.length === claim.signature.length && timingSafeEqual(expected, claim.signature);
  if (record === null || !isRight) {
    throw new ApiError('UnrecognizedClientException', 'the access key or the signature is not right');
  }
  return record;
}
