/**
 * A key as ListObjectsV2 gives it under `EncodingType: url`, which is the only form that can carry every key through
 * XML 1.0. Undefined if the bytes are not valid UTF-8. S3 and radosgw write a space as '+' or '%20', and '+' as '%2B'.
 */
export function decodeListedKey(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded.replaceAll('+', '%20'));
  } catch {
    return undefined;
  }
}

/** A store that does not encode keys sends them as they are; what was no UTF-8 cannot be told from its replacement. */
export function plainKey(key: string): string | undefined {
  return key.includes('\uFFFD') || !key.isWellFormed() ? undefined : key;
}
