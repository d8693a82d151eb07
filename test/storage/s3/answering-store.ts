// An S3 store that says one thing to whatever is asked, for what a real one says only when it is set up wrongly.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type StoreAnswer =
  | { readonly status: number; readonly code: string }
  /** A page that is no answer of S3, with status 200. */
  | 'page'
  /** An empty bucket. */
  | 'listing';

export class AnsweringStore {
  answer: StoreAnswer;
  /** What was asked, such as `GET /bucket?list-type=2`. */
  readonly requests: string[] = [];
  readonly #server: Server;

  private constructor(answer: StoreAnswer) {
    this.answer = answer;
    this.#server = createServer((request, response) => {
      this.requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
      request.resume();
      const said = this.answer;
      if (said === 'page') {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><html>Welcome</html>');
      } else if (said === 'listing') {
        response
          .writeHead(200, { 'content-type': 'application/xml' })
          .end('<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>');
      } else {
        response
          .writeHead(said.status, { 'content-type': 'application/xml' })
          .end(`<?xml version="1.0"?><Error><Code>${said.code}</Code><Message>no</Message></Error>`);
      }
    });
  }

  static async start(answer: StoreAnswer, port = 0): Promise<AnsweringStore> {
    const store = new AnsweringStore(answer);
    store.#server.listen(port, '127.0.0.1');
    await once(store.#server, 'listening');
    return store;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
