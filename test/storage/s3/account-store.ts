// An S3 server and its STS in one: stands before moto, which checks nothing, and lets through what an account of AWS would. STS
// verifies signatures by a second implementation; S3 knows the keys that STS has given, their tokens, ends and session policies.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { signedHeaders } from '../../management/sign-request.ts';

/** Of the account: it may do everything, and asks STS. */
export const OWN_KEY = { accessKeyId: 'OWNKEYOFTHESTORE0000', secretAccessKey: 'own/secret+of/thestore' };

export interface AssumeCall {
  readonly role: string;
  readonly session: string;
  readonly policy: string | null;
  readonly externalId: string | null;
  readonly seconds: number;
}

/** Keys that STS has given. */
interface GivenKey extends AssumeCall {
  readonly accessKeyId: string;
  readonly token: string;
  expired: boolean;
}

export interface AskedOfS3 {
  /** Such as `GET`. */
  readonly method: string;
  readonly key: string;
  readonly accessKeyId: string;
  readonly status: number;
}

type StsAnswer = 'credentials' | 'refused' | 'unavailable' | 'page' | 'ended' | 'without-token';

export class AccountStore {
  /** What STS says. */
  sts: StsAnswer = 'credentials';
  readonly calls: AssumeCall[] = [];
  readonly given: GivenKey[] = [];
  readonly asked: AskedOfS3[] = [];
  /** Told of each request to S3 before it is answered. */
  onRequest: (asked: Omit<AskedOfS3, 'status'>) => void = () => undefined;
  readonly #moto: URL;
  readonly #server: Server;

  private constructor(moto: string) {
    this.#moto = new URL(moto);
    this.#server = createServer((incoming, response) => {
      this.#handle(incoming, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async start(moto: string): Promise<AccountStore> {
    const store = new AccountStore(moto);
    store.#server.listen(0, '127.0.0.1');
    await once(store.#server, 'listening');
    return store;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every key that was given has come to its end, as S3 sees it. */
  expireAll(): void {
    for (const key of this.given) key.expired = true;
  }

  /** Whose requests have touched what users see: access key ids. */
  usersOf(prefix: string): string[] {
    const touched = this.asked.filter(({ key, status }) => key.startsWith(prefix) && status < 400);
    return [...new Set(touched.map(({ accessKeyId }) => accessKeyId))];
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '/', method = '', headers } = incoming;
    const [, id = '', service = ''] =
      /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? '') ?? [];
    if (service === 'sts') return this.#assume(incoming, response, id);
    const { pathname, searchParams } = new URL(url, 'http://s3');
    const [, bucket = '', ...rest] = pathname.split('/').map(decodeURIComponent);
    const listed = method === 'GET' && rest.join('/') === '';
    // A deletion of many names its keys in the body, and each of them must be allowed.
    const body = method === 'POST' && searchParams.has('delete') ? await textOf(incoming) : null;
    const deleted = [...(body ?? '').matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, name = '']) => name);
    const key = listed ? (searchParams.get('prefix') ?? '') : (deleted[0] ?? rest.join('/'));
    this.onRequest({ method, key, accessKeyId: id });
    const action = body === null ? actionOf(method, listed) : 's3:DeleteObject';
    const refusals = (deleted.length === 0 ? [key] : deleted).map((each) =>
      this.#refusal(id, headers['x-amz-security-token'], action, bucket, each),
    );
    const refusal = refusals.find((each) => each !== null) ?? null;
    if (refusal !== null) {
      const [status, code] = refusal;
      this.asked.push({ method, key, accessKeyId: id, status });
      if (body === null) await once(incoming.resume(), 'end');
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(method === 'HEAD' ? undefined : `<Error><Code>${code}</Code><Message>no</Message></Error>`);
      return;
    }
    const { hostname, port } = this.#moto;
    const onwards = request({ hostname, port, method, path: url, headers: { ...headers, host: this.#moto.host } });
    if (body === null) incoming.pipe(onwards);
    else onwards.end(body);
    const [answer] = (await once(onwards, 'response')) as [IncomingMessage];
    const { statusCode = 502 } = answer;
    this.asked.push({ method, key, accessKeyId: id, status: statusCode });
    response.writeHead(statusCode, answer.headers);
    answer.pipe(response);
  }

  /** Why S3 refuses a request; null where it does not. */
  #refusal(
    id: string,
    token: string | string[] | undefined,
    action: string,
    bucket: string,
    key: string,
  ): readonly [number, string] | null {
    if (id === OWN_KEY.accessKeyId) return null;
    const known = this.given.find(({ accessKeyId }) => accessKeyId === id);
    if (known === undefined) return [403, 'InvalidAccessKeyId'];
    if (known.token !== token) return [403, 'InvalidToken'];
    if (known.expired) return [400, 'ExpiredToken'];
    const resource = `arn:aws:s3:::${bucket}${action === 's3:ListBucket' ? '' : `/${key}`}`;
    return known.policy === null || allows(known.policy, action, resource, key) ? null : [403, 'AccessDenied'];
  }

  async #assume(incoming: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const body = await textOf(incoming);
    const say = (status: number, text: string): void => {
      response.writeHead(status, { 'content-type': 'text/xml' }).end(text);
    };
    const fail = (status: number, code: string): void => {
      say(
        status,
        `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`,
      );
    };
    if (id !== OWN_KEY.accessKeyId || !isSigned(incoming, body)) {
      fail(403, 'SignatureDoesNotMatch');
      return;
    }
    const form = new URLSearchParams(body);
    const call: AssumeCall = {
      role: form.get('RoleArn') ?? '',
      session: form.get('RoleSessionName') ?? '',
      policy: form.get('Policy'),
      externalId: form.get('ExternalId'),
      seconds: Number(form.get('DurationSeconds')),
    };
    this.calls.push(call);
    if (form.get('Action') !== 'AssumeRole' || !/^[\w+=,.@-]{2,64}$/.test(call.session)) {
      fail(400, 'ValidationError');
      return;
    }
    switch (this.sts) {
      case 'refused': {
        fail(403, 'AccessDenied');
        return;
      }
      case 'unavailable': {
        fail(503, 'ServiceUnavailable');
        return;
      }
      case 'page': {
        say(200, '<!doctype html><html><body>Welcome');
        return;
      }
      default:
        break;
    }
    const key = { ...call, accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`, expired: false };
    const token = randomBytes(48).toString('base64');
    this.given.push({ ...key, token });
    const end = new Date(Date.now() + (this.sts === 'ended' ? -60_000 : call.seconds * 1000)).toISOString();
    say(
      200,
      `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
        `<AccessKeyId>${key.accessKeyId}</AccessKeyId><SecretAccessKey>secret-of-${key.accessKeyId}</SecretAccessKey>` +
        (this.sts === 'without-token' ? '' : `<SessionToken>${token}</SessionToken>`) +
        `<Expiration>${end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
    );
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return String(Buffer.concat(chunks));
}

/** Signs it once more, and compares. */
function isSigned({ headers, method = '', url = '' }: IncomingMessage, body: string): boolean {
  const { authorization = '' } = headers;
  const [, , region = '', , names = ''] =
    /Credential=([^/]+)\/\d+\/([^/]+)\/(sts)\/aws4_request, SignedHeaders=([^,]+)/.exec(authorization) ?? [];
  const signed = Object.fromEntries(names.split(';').map((name) => [name, String(headers[name] ?? '')]));
  const date = String(headers['x-amz-date'] ?? '');
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Number.isNaN(at) || Math.abs(at - Date.now()) > 300_000 || !('host' in signed)) return false;
  const again = signedHeaders('', body, OWN_KEY, {
    ...{ method, path: url, at, region, service: 'sts', headers: signed },
    // The description signs these by itself.
    unsigned: ['content-type', 'x-amz-date', 'x-amz-target'].filter((name) => !(name in signed)),
  });
  return again['authorization'] === authorization;
}

function actionOf(method: string, listed: boolean): string {
  if (listed) return 's3:ListBucket';
  if (method === 'DELETE') return 's3:DeleteObject';
  return method === 'GET' || method === 'HEAD' ? 's3:GetObject' : 's3:PutObject';
}

interface TestStatement {
  readonly Action: string | readonly string[];
  readonly Resource: string;
  readonly Condition?: { readonly StringLike: { readonly 's3:prefix': string | readonly string[] } };
}

/** Of IAM, what the tests' policies have: Allow, patterns that end in `*`, and the prefix of a listing. */
function allows(policy: string, action: string, resource: string, prefix: string): boolean {
  const { Statement } = JSON.parse(policy) as { readonly Statement: readonly TestStatement[] };
  const fits = (pattern: string, text: string): boolean =>
    pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : pattern === text;
  return Statement.some(
    ({ Action, Resource, Condition }) =>
      [Action].flat().some((each) => fits(each, action)) &&
      fits(Resource, resource) &&
      (Condition === undefined || [Condition.StringLike['s3:prefix']].flat().some((each) => fits(each, prefix))),
  );
}
