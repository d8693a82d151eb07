// An S3 store inside the process that answers in steps: what was asked by then is answered together, when nothing that goes on
// can ask for more. So the number of steps is that of the round trips that must follow each other, on any machine.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { NodeHttpHandler } from '@smithy/node-http-handler';

interface Stored {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly modified: Date;
}

/** As the SDK hands it to its handler. */
interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

/** Turns of the event loop without a new request, after which none will come before an answer. */
const QUIET_TURNS = 60;

export class SteppingStore {
  readonly objects = new Map<string, Stored>();
  /** Of every request its operation and key, and in which step it was answered. */
  readonly log: { readonly operation: string; readonly key: string; readonly step: number }[] = [];
  steps = 0;
  #waiting: { readonly request: Request; readonly answer: (answer: Answer) => void }[] = [];
  #arrivals = 0;
  #running = false;

  /** Takes the place of the SDK's connections until the function that it answers is called. */
  static install(): { readonly store: SteppingStore; readonly undo: () => void } {
    const store = new SteppingStore();
    const { prototype } = NodeHttpHandler;
    const own = Object.getOwnPropertyDescriptor(prototype, 'handle');
    Object.defineProperty(prototype, 'handle', {
      configurable: true,
      writable: true,
      value: async (request: Request) => ({ response: await store.#ask(request) }),
    });
    return {
      store,
      undo: () => {
        if (own !== undefined) Object.defineProperty(prototype, 'handle', own);
      },
    };
  }

  async #ask(request: Request): Promise<Answer> {
    this.#arrivals += 1;
    const answered = new Promise<Answer>((resolve) => {
      this.#waiting.push({ request, answer: resolve });
    });
    if (!this.#running) void this.#run();
    return answered;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      for (let turns = 0, seen = this.#arrivals; turns < QUIET_TURNS; turns += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        if (seen !== this.#arrivals) [turns, seen] = [0, this.#arrivals];
      }
      this.steps += 1;
      for (const { request, answer } of this.#waiting.splice(0)) answer(this.#answer(request));
    }
    this.#running = false;
  }

  #answer(request: Request): Answer {
    const { method, query, headers } = request;
    const key = decodeURIComponent(request.path.split('/').slice(2).join('/'));
    const there = this.objects.get(key);
    const note = (operation: string): void => void this.log.push({ operation, key, step: this.steps });
    if (method === 'GET' && query['list-type'] !== undefined) {
      note('ListObjectsV2');
      return this.#list(query);
    }
    if (method === 'POST' && 'delete' in query) {
      note('DeleteObjects');
      for (const [, gone = ''] of text(request).matchAll(/<Key>([^<]*)<\/Key>/g)) this.objects.delete(gone);
      return answer(200, {}, '<DeleteResult/>');
    }
    const match = headers['if-match'];
    if (match !== undefined && there === undefined) return (note(`${method} refused`), failure(404, 'NoSuchKey'));
    if (match !== undefined && bare(match) !== bare(etagOf(there)))
      return (note(`${method} refused`), failure(412, 'PreconditionFailed'));
    switch (method) {
      case 'HEAD':
      case 'GET': {
        note(method === 'HEAD' ? 'HeadObject' : 'GetObject');
        if (there === undefined) return failure(404, method === 'HEAD' ? '' : 'NoSuchKey');
        const own = { ...there.headers, etag: etagOf(there), 'last-modified': there.modified.toUTCString() };
        if (method === 'HEAD') return answer(200, { ...own, 'content-length': String(there.body.length) }, '');
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers['range'] ?? '') ?? [];
        if (from === undefined) return answer(200, own, there.body);
        if (Number(from) >= there.body.length) return failure(416, 'InvalidRange');
        const part = there.body.subarray(Number(from), Number(to) + 1);
        const range = `bytes ${from}-${Number(from) + part.length - 1}/${there.body.length}`;
        return answer(206, { ...own, 'content-range': range }, part);
      }
      case 'PUT': {
        const source = headers['x-amz-copy-source'];
        note(source === undefined ? 'PutObject' : 'CopyObject');
        if (headers['if-none-match'] === '*' && there !== undefined) return failure(412, 'PreconditionFailed');
        const copied =
          source === undefined ? undefined : this.objects.get(decodeURIComponent(source).split('/').slice(1).join('/'));
        if (source !== undefined && copied === undefined) return failure(404, 'NoSuchKey');
        const meta = Object.entries(headers).filter(
          ([name]) => name.startsWith('x-amz-meta-') || name === 'content-type',
        );
        const stored = {
          body: copied?.body ?? bytes(request),
          headers: Object.fromEntries(meta),
          modified: new Date(),
        };
        this.objects.set(key, stored);
        const etag = etagOf(stored);
        return source === undefined
          ? answer(200, { etag }, '')
          : answer(200, {}, `<CopyObjectResult><ETag>${etag}</ETag></CopyObjectResult>`);
      }
      default:
        note('DeleteObject');
        this.objects.delete(key);
        return answer(204, {}, '');
    }
  }

  #list(query: Request['query']): Answer {
    const prefix = String(query['prefix'] ?? '');
    const delimiter = query['delimiter'];
    const after = String(query['start-after'] ?? '');
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const contents: string[] = [];
    const prefixes = new Set<string>();
    for (const key of keys) {
      const cut = typeof delimiter === 'string' ? key.indexOf(delimiter, prefix.length) : -1;
      if (cut !== -1) prefixes.add(key.slice(0, cut + 1));
      else contents.push(key);
    }
    const max = Number(query['max-keys'] ?? 1000);
    const entries = contents.slice(0, max).map((key) => {
      const { body, modified } = this.objects.get(key) ?? { body: Buffer.alloc(0), modified: new Date() };
      const fields = `<Key>${encodeURIComponent(key)}</Key><LastModified>${modified.toISOString()}</LastModified>`;
      return `<Contents>${fields}<ETag>${etagOf(this.objects.get(key))}</ETag><Size>${body.length}</Size></Contents>`;
    });
    const common = [...prefixes].map(
      (each) => `<CommonPrefixes><Prefix>${encodeURIComponent(each)}</Prefix></CommonPrefixes>`,
    );
    return answer(
      200,
      { 'content-type': 'application/xml' },
      `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${entries.join('')}${common.join('')}</ListBucketResult>`,
    );
  }
}

function bytes({ body }: Request): Buffer {
  return body === undefined ? Buffer.alloc(0) : Buffer.from(body as Uint8Array);
}

function text(request: Request): string {
  return bytes(request).toString('utf8');
}

/** As S3 has it for small objects. */
function etagOf(stored: Stored | undefined): string {
  return stored === undefined ? '' : `"${createHash('md5').update(stored.body).digest('hex')}"`;
}

function bare(etag: string): string {
  return etag.replaceAll('"', '');
}

function answer(statusCode: number, headers: Readonly<Record<string, string>>, body: Buffer | string): Answer {
  return {
    statusCode,
    headers: { 'content-length': String(body.length), ...headers },
    body: Readable.from(body.length === 0 ? [] : [Buffer.from(body)]),
  };
}

function failure(statusCode: number, code: string): Answer {
  return answer(statusCode, {}, code === '' ? '' : `<Error><Code>${code}</Code><Message>no</Message></Error>`);
}
