import type { GetObjectCommandOutput, HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { ObjectProperties } from './object-fields.ts';

/** One version of an object. */
export interface VersionReference {
  readonly key: string;
  /** As S3 gave it, perhaps with quotes. */
  readonly etag: string;
}

/** A version, and bytes of it. */
export interface VersionRange extends VersionReference {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** What HeadObject tells of an object. */
export interface ObjectInfo extends VersionReference {
  /** Bytes. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly lastModified: number;
  readonly properties: ObjectProperties;
}

/** Reads an answer to HeadObject, or to GetObject of the whole object. */
export function objectInfo(key: string, answer: HeadObjectCommandOutput | GetObjectCommandOutput): ObjectInfo {
  const expires = answer.ExpiresString === undefined ? undefined : new Date(answer.ExpiresString);
  return {
    key,
    size: answer.ContentLength ?? 0,
    etag: answer.ETag ?? '',
    lastModified: seconds(answer.LastModified),
    properties: {
      metadata: answer.Metadata ?? {},
      ...(answer.ContentType === undefined ? {} : { contentType: answer.ContentType }),
      ...(answer.ContentEncoding === undefined ? {} : { contentEncoding: answer.ContentEncoding }),
      ...(answer.ContentLanguage === undefined ? {} : { contentLanguage: answer.ContentLanguage }),
      ...(answer.ContentDisposition === undefined ? {} : { contentDisposition: answer.ContentDisposition }),
      ...(answer.CacheControl === undefined ? {} : { cacheControl: answer.CacheControl }),
      ...(expires === undefined || Number.isNaN(expires.getTime()) ? {} : { expires }),
    },
  };
}

/** Seconds since the epoch; 0 where the store gave no date. */
function seconds(date: Date | undefined): number {
  return date === undefined ? 0 : Math.floor(date.getTime() / 1000);
}
