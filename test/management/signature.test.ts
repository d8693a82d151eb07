import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ApiError } from '../../src/management/api-error.ts';
import { readAuthorization } from '../../src/management/sigv4/authorization.ts';
import { verifySignature } from '../../src/management/sigv4/verify.ts';
import type { AccessKeyRecord } from '../../src/state/records.ts';
import { randomRuns, timeoutFor } from '../random-runs.ts';
import { EXAMPLE_KEY, signedHeaders, type SignatureParts } from './sign-request.ts';

interface Recorded {
  readonly client: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

const RECORDED = JSON.parse(
  readFileSync(new URL('recorded-requests.json', import.meta.url), 'utf8'),
) as readonly Recorded[];

const NOON = Date.UTC(2026, 11, 1, 12);
const MINUTE = 60_000;
const SHA256_OF_EMPTY_OBJECT = createHash('sha256').update('{}').digest('hex');

const keys =
  (...records: AccessKeyRecord[]) =>
  (id: string): AccessKeyRecord | undefined =>
    records.find(({ accessKeyId }) => accessKeyId === id);

async function verified(
  rawHeaders: readonly string[],
  body: string,
  { now = NOON, accessKey = keys(EXAMPLE_KEY) } = {},
): Promise<string> {
  const claim = readAuthorization(rawHeaders, now);
  return (await verifySignature(claim, Buffer.from(body), accessKey)).accessKeyId;
}

/** The exception's name, or null where the request is accepted. */
async function refusal(rawHeaders: readonly string[], body: string, options = {}): Promise<string | null> {
  try {
    await verified(rawHeaders, body, options);
    return null;
  } catch (error) {
    if (error instanceof ApiError) return error.exception;
    throw error;
  }
}

function headersOf(
  parts: SignatureParts = {},
  body = '{}',
  key: AccessKeyRecord = EXAMPLE_KEY,
): Record<string, string> {
  return signedHeaders('ListServers', body, key, { at: NOON, ...parts });
}

const raw = (headers: Readonly<Record<string, string>>): string[] => Object.entries(headers).flat();

/** The time of a recorded request. */
function timeOf(rawHeaders: readonly string[]): number {
  const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'x-amz-date');
  const [, date = ''] = /^(.*)Z$/.exec(rawHeaders[at + 1] ?? '') ?? [];
  return Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)$/, '$1-$2-$3T$4:$5:$6Z'));
}

describe('recorded requests', () => {
  test('there are 39, of three clients', () => {
    expect(RECORDED).toHaveLength(39);
    expect(new Set(RECORDED.map(({ client }) => client)).size).toBe(3);
  });

  test.each(RECORDED.map((each, index) => [`${index} ${each.client}`, each] as const))(
    '%s verifies',
    async (_, each) => {
      expect(await verified(each.rawHeaders, each.body, { now: timeOf(each.rawHeaders) })).toBe(
        EXAMPLE_KEY.accessKeyId,
      );
    },
  );

  test('each signed part changed alone is refused, of each client', async () => {
    let changed = 0;
    for (const { rawHeaders, body } of [RECORDED[3]!, RECORDED[16]!, RECORDED[29]!]) {
      const now = timeOf(rawHeaders);
      expect(await refusal(rawHeaders, body, { now })).toBeNull();
      const authorization = rawHeaders[rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization') + 1]!;
      const signed = /SignedHeaders=([^,]+)/.exec(authorization)![1]!.split(';');
      expect(signed).toEqual(expect.arrayContaining(['content-type', 'host', 'x-amz-date', 'x-amz-target']));
      for (const name of signed) {
        const at = rawHeaders.findIndex((each) => each.toLowerCase() === name) + 1;
        const value = rawHeaders[at]!;
        const other = value.replace(/[a-z0-9](?=[^a-z0-9]*$)/i, (last) => (last === '1' ? '2' : '1'));
        expect(other).not.toBe(value);
        expect(await refusal(rawHeaders.with(at, other), body, { now })).not.toBeNull();
        expect(await refusal(rawHeaders.toSpliced(at - 1, 2), body, { now })).not.toBeNull();
        changed += 1;
      }
      expect(await refusal(rawHeaders, `${body} `, { now })).not.toBeNull();
      expect(await refusal(rawHeaders, body.slice(0, -1), { now })).not.toBeNull();
    }
    expect(changed).toBeGreaterThan(12);
  });
});

describe('what a signature must be', () => {
  test('our own signer and the library agree', async () => {
    expect(await refusal(raw(headersOf()), '{}')).toBeNull();
    expect(await refusal(raw(headersOf({ headers: { 'x-amz-note': '  two   words ' } })), '{}')).toBeNull();
  });

  test.each([
    ['four minutes and 59 seconds old', 4.98, null],
    ['five minutes and a second old', 5.02, 'InvalidSignatureException'],
    ['four minutes ahead', -4, null],
    ['six minutes ahead', -6, 'InvalidSignatureException'],
  ] as const)('%s', async (_, minutes, expected) => {
    expect(await refusal(raw(headersOf({ at: NOON - minutes * MINUTE })), '{}')).toBe(expected);
  });

  test('of another service', async () => {
    expect(await refusal(raw(headersOf({ service: 's3' })), '{}')).toBe('InvalidSignatureException');
  });

  test('any region, but only that of the signature', async () => {
    const headers = headersOf({ region: 'mars-north-1' });
    expect(await refusal(raw(headers), '{}')).toBeNull();
    const moved = { ...headers, authorization: headers['authorization']!.replace('mars-north-1', 'mars-north-2') };
    expect(await refusal(raw(moved), '{}')).toBe('UnrecognizedClientException');
  });

  test("another day's credential", async () => {
    expect(await refusal(raw(headersOf({ day: '20261130' })), '{}')).toBe('InvalidSignatureException');
    const headers = headersOf({ at: Date.UTC(2026, 11, 1, 23, 59), region: 'us-east-1' });
    const moved = { ...headers, authorization: headers['authorization']!.replace('/20261201/', '/20261202/') };
    expect(await refusal(raw(moved), '{}', { now: Date.UTC(2026, 11, 2) })).toBe('InvalidSignatureException');
  });

  test.each(['20261301T120000Z', '20261201T120000', '2026-12-01T12:00:00Z', 'Tue, 01 Dec 2026 12:00:00 GMT', ''])(
    'the date %j',
    async (date) => {
      const headers = headersOf({ headers: { 'x-amz-date': date } });
      expect(await refusal(raw(headers), '{}')).not.toBeNull();
    },
  );

  test('UNSIGNED-PAYLOAD, a streaming one, and the hash of another body', async () => {
    for (const hash of ['UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', '0'.repeat(64)]) {
      const headers = headersOf({ headers: { 'x-amz-content-sha256': hash }, bodyHash: hash });
      expect(await refusal(raw(headers), '{}')).toBe('InvalidSignatureException');
    }
  });

  test.each(['host', 'x-amz-date', 'x-amz-target', 'content-type'])('%s not signed', async (name) => {
    expect(await refusal(raw(headersOf({ unsigned: [name] })), '{}')).toBe('IncompleteSignatureException');
  });

  test('another x-amz- header beside the signed ones', async () => {
    const headers = { ...headersOf(), 'X-Amz-Acl': 'public' };
    expect(await refusal(raw(headers), '{}')).toBe('IncompleteSignatureException');
  });

  test.each(['host', 'x-amz-date', 'x-amz-target', 'content-type', 'authorization', 'X-AMZ-TARGET'])(
    'a second %s, before or behind the signed one',
    async (name) => {
      const headers = headersOf();
      const second = [name, headers[name.toLowerCase()]!];
      expect(await refusal([...raw(headers), ...second], '{}')).toBe('InvalidSignatureException');
      expect(await refusal([...second, ...raw(headers)], '{}')).toBe('InvalidSignatureException');
    },
  );

  test.each([
    ['another method', { method: 'PUT' }],
    ['another path', { path: '/other' }],
    ['a query', { query: 'X-Amz-Expires=900' }],
  ])('%s was signed', async (_, parts) => {
    expect(await refusal(raw(headersOf(parts)), '{}')).toBe('UnrecognizedClientException');
  });

  test('signed headers that are not sorted, or in capitals', async () => {
    const headers = headersOf();
    const authorization = headers['authorization']!;
    const turned = authorization.replace('content-type;host', 'host;content-type');
    expect(turned).not.toBe(authorization);
    // The list is not part of what we compare; which headers are signed is.
    expect(await refusal(raw({ ...headers, authorization: turned }), '{}')).toBeNull();
    const capitals = authorization.replace('content-type;host', 'Content-Type;Host');
    expect(await refusal(raw({ ...headers, authorization: capitals }), '{}')).toBe('IncompleteSignatureException');
  });

  test.each([
    '',
    'Basic dXNlcjpwYXNzd29yZA==',
    'AWS4-HMAC-SHA256',
    'AWS4-ECDSA-P256-SHA256 Credential=LPAKEXAMPLEEXAMPLE01/20261201/transfer/aws4_request, SignedHeaders=host, Signature=00',
    `AWS4-HMAC-SHA256 Credential=LPAKEXAMPLEEXAMPLE01/20261201/r/transfer/aws4_request, SignedHeaders=host;__proto__, Signature=${'0'.repeat(64)}`,
  ])('Authorization: %s', async (authorization) => {
    expect(await refusal(raw({ ...headersOf(), authorization }), '{}')).toBe('IncompleteSignatureException');
  });

  test('no Authorization at all', async () => {
    const { authorization: _, ...headers } = headersOf();
    expect(await refusal(raw(headers), '{}')).toBe('IncompleteSignatureException');
  });
});

describe('whose it is', () => {
  const OTHER: AccessKeyRecord = {
    ...EXAMPLE_KEY,
    accessKeyId: 'LPAKOTHEROTHEROTHER1',
    secretAccessKey: 'x'.repeat(40),
  };

  test('a key that is not there, one that is disabled, and a wrong secret answer the same', async () => {
    const said: unknown[] = [];
    for (const [headers, accessKey] of [
      [headersOf(), keys()],
      [headersOf(), keys({ ...EXAMPLE_KEY, disabled: true })],
      [headersOf({}, '{}', { ...EXAMPLE_KEY, secretAccessKey: OTHER.secretAccessKey }), keys(EXAMPLE_KEY)],
      [headersOf({}, '{}', { ...EXAMPLE_KEY, accessKeyId: OTHER.accessKeyId }), keys(EXAMPLE_KEY, OTHER)],
    ] as const) {
      await verified(raw(headers), '{}', { accessKey }).catch((error: unknown) => {
        const { exception, message, members } = error as ApiError;
        said.push({ exception, message, members });
      });
    }
    expect(said).toHaveLength(4);
    for (const each of said) expect(each).toEqual(said[0]);
    expect(said[0]).toMatchObject({ exception: 'UnrecognizedClientException', members: {} });
  });

  test('each of several keys', async () => {
    const accessKey = keys(EXAMPLE_KEY, OTHER);
    expect(await verified(raw(headersOf({}, '{}', OTHER)), '{}', { accessKey })).toBe(OTHER.accessKeyId);
    expect(await verified(raw(headersOf()), '{}', { accessKey })).toBe(EXAMPLE_KEY.accessKeyId);
  });
});

describe('whatever the headers are', () => {
  const runs = randomRuns(10_000);

  test(
    'a changed character of what is signed is refused',
    async () => {
      const headers = raw(headersOf({ headers: { 'x-amz-content-sha256': SHA256_OF_EMPTY_OBJECT } }));
      expect(await refusal(headers, '{}')).toBeNull();
      const values = headers.map((_, index) => index).filter((index) => index % 2 === 1);
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...values),
          fc.nat(),
          fc.string({ maxLength: 2 }),
          async (index, at, other) => {
            const value = headers[index]!;
            const where = at % value.length;
            const changed = value.slice(0, where) + other + value.slice(where + 1);
            // Spaces at the ends and beside each other do not count in a header.
            const plain = (text: string): string => text.replaceAll(/[ \t\r\n]+/g, ' ').trim();
            // The signature is compared, and the list of what is signed sorted.
            fc.pre(plain(changed) !== plain(value) && headers[index - 1] !== 'authorization');
            expect(await refusal(headers.with(index, changed), '{}')).not.toBeNull();
          },
        ),
        { numRuns: randomRuns(1000) },
      );
    },
    timeoutFor(runs),
  );

  test(
    'an answer comes out, or an exception',
    async () => {
      const name = fc.constantFrom(
        'authorization',
        'host',
        'x-amz-date',
        'x-amz-target',
        'content-type',
        'x-amz-x',
        '__proto__',
      );
      const one = fc.tuple(name, fc.string({ maxLength: 100 }));
      const good = Object.entries(headersOf());
      await fc.assert(
        fc.asyncProperty(fc.array(one, { maxLength: 4 }), fc.subarray(good), async (bad, some) => {
          const both = [...some, ...bad];
          const refused = await refusal(both.flat(), '{}');
          expect(refused !== null || (some.length === good.length && bad.every(([each]) => each === '__proto__'))).toBe(
            true,
          );
        }),
        { numRuns: runs },
      );
    },
    timeoutFor(runs),
  );
});
