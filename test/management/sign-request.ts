// A second implementation of AWS Signature Version 4, from its description: what the tests sign with, and change.
import { createHash, createHmac } from 'node:crypto';
import type { AccessKeyRecord } from '../../src/state/records.ts';

export interface SignatureParts {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  /** Milliseconds since the epoch. */
  readonly at?: number;
  readonly region?: string;
  readonly service?: string;
  /** The day of the credential, where it is another than that of `at`. */
  readonly day?: string;
  /** Headers that are signed beside those that every client signs. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Without these. */
  readonly unsigned?: readonly string[];
  readonly bodyHash?: string;
}

export const EXAMPLE_KEY: AccessKeyRecord = {
  accessKeyId: 'LPAKEXAMPLEEXAMPLE01',
  secretAccessKey: 'example/secret+of/nobody0123456789abcdef',
  role: 'admin',
  serverTag: null,
  description: null,
  createdAt: 0,
  disabled: false,
  revision: 1,
};

/** The operations that the service has not. */
const OURS: ReadonlySet<string> = new Set(['ListSessions', 'EndSession']);

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

/** The headers of a signed request, by their names in lower case. */
export function signedHeaders(
  operation: string,
  body: string | Buffer,
  { accessKeyId, secretAccessKey }: Pick<AccessKeyRecord, 'accessKeyId' | 'secretAccessKey'>,
  parts: SignatureParts = {},
): Record<string, string> {
  const {
    method = 'POST',
    path = '/',
    query = '',
    region = 'eu-central-1',
    service = 'transfer',
    unsigned = [],
  } = parts;
  const date = `${new Date(parts.at ?? Date.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const day = parts.day ?? date.slice(0, 8);
  const headers: Record<string, string> = {
    'content-type': 'application/x-amz-json-1.1',
    host: 'transfer.example.org',
    'x-amz-date': date,
    'x-amz-target': `${OURS.has(operation) ? 'Latticeport' : 'TransferService'}.${operation}`,
    ...parts.headers,
  };
  const names = Object.keys(headers)
    .filter((name) => !unsigned.includes(name))
    .sort();
  const canonical = [
    method,
    path,
    query,
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}`),
    '',
    names.join(';'),
    parts.bodyHash ?? sha256(body),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}
