import { bareEtag } from './etag.ts';

/** User metadata of an object: names without `x-amz-meta-`, in lower case. */
export type ObjectMetadata = Readonly<Record<string, string>>;

/** The metadata name of the random tag by which a finished upload is recognised as ours when its answer was lost. */
export const UPLOAD_TAG = 'latticeport-upload';

/** What is kept beside an object's bytes, as far as a copy must carry it over by hand. */
export interface ObjectProperties {
  readonly metadata: ObjectMetadata;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly contentDisposition?: string;
  readonly cacheControl?: string;
  readonly expires?: Date;
}

/** What new objects are stored with, by configuration. */
export interface StorageClassOptions {
  readonly storageClass?: string;
  readonly serverSideEncryption?: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  readonly kmsKeyId?: string;
}

/** What must be at a key for an object to be stored there. */
export interface WriteCondition {
  /** Nothing. */
  readonly exclusive: boolean;
  /** The object with this ETag. */
  readonly replaces?: string | undefined;
}

/** The request fields of a condition. Without the quotes the ETag is understood everywhere, with them not by radosgw. */
export function conditionFields({ exclusive, replaces }: WriteCondition): { IfNoneMatch?: string; IfMatch?: string } {
  return {
    ...(exclusive ? { IfNoneMatch: '*' } : {}),
    ...(replaces === undefined ? {} : { IfMatch: bareEtag(replaces) }),
  };
}

/** The CopySource of a request: bucket and key, each byte that needs it percent-encoded. */
export function copySource(bucket: string, key: string): string {
  return `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
}

/** The request fields of an object's properties. */
export function propertyFields(properties: ObjectProperties): {
  Metadata: Record<string, string>;
  ContentType?: string;
  ContentEncoding?: string;
  ContentLanguage?: string;
  ContentDisposition?: string;
  CacheControl?: string;
  Expires?: Date;
} {
  return {
    Metadata: { ...properties.metadata },
    ...(properties.contentType === undefined ? {} : { ContentType: properties.contentType }),
    ...(properties.contentEncoding === undefined ? {} : { ContentEncoding: properties.contentEncoding }),
    ...(properties.contentLanguage === undefined ? {} : { ContentLanguage: properties.contentLanguage }),
    ...(properties.contentDisposition === undefined ? {} : { ContentDisposition: properties.contentDisposition }),
    ...(properties.cacheControl === undefined ? {} : { CacheControl: properties.cacheControl }),
    ...(properties.expires === undefined ? {} : { Expires: properties.expires }),
  };
}

/** The request fields of the configured storage class and encryption. */
export interface StorageFields {
  readonly StorageClass?: 'STANDARD';
  readonly ServerSideEncryption?: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  readonly SSEKMSKeyId?: string;
}

export function storedAs(options: StorageClassOptions): StorageFields {
  return {
    // The SDK's type lists AWS's classes; other stores have their own names.
    ...(options.storageClass === undefined ? {} : { StorageClass: options.storageClass as 'STANDARD' }),
    ...(options.serverSideEncryption === undefined ? {} : { ServerSideEncryption: options.serverSideEncryption }),
    ...(options.kmsKeyId === undefined ? {} : { SSEKMSKeyId: options.kmsKeyId }),
  };
}
