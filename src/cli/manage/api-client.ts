import { setTimeout as wait } from 'node:timers/promises';
import type { Transfer } from '@aws-sdk/client-transfer';
import { printable } from '../../telemetry/printable.ts';
import { CliError } from '../cli-error.ts';
import type { ApiAccess } from './api-options.ts';
import { carrySftpPorts } from './sftp-ports.ts';

/** A server that is stopped lets transfers finish first, so that an answer may take minutes. */
const ANSWER_MS = 600_000;
const CONNECT_MS = 10_000;
/** How often a call is made that the API's rate limit refuses. */
const THROTTLED_CALLS = 8;
const LONGEST_PAUSE_SECONDS = 30;

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[] | undefined;
  readonly next: string | undefined;
}

/** The management API as the commands call it. What it refuses is a CliError with its own message. */
export class ManagementApi {
  readonly #transfer: Transfer;
  readonly #url: URL;

  private constructor(transfer: Transfer, url: URL) {
    this.#transfer = transfer;
    this.#url = url;
  }

  /** Loads the SDK, which the other commands do without. */
  static async open({ url, ca, region, accessKeyId, secretAccessKey }: ApiAccess): Promise<ManagementApi> {
    const [{ Transfer }, { NodeHttpHandler }] = await Promise.all([
      import('@aws-sdk/client-transfer'),
      import('@smithy/node-http-handler'),
    ]);
    const transfer = new Transfer({
      endpoint: url.href,
      region,
      credentials: { accessKeyId, secretAccessKey },
      // The SDK would repeat a CreateServer whose answer was lost, and there would be two servers.
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler({
        connectionTimeout: CONNECT_MS,
        requestTimeout: ANSWER_MS,
        throwOnRequestTimeout: true,
        ...(ca !== null && { httpsAgent: { ca } }),
      }),
    });
    carrySftpPorts(transfer);
    return new ManagementApi(transfer, url);
  }

  /** One call. Where the API asks for less haste, it is made again after a pause. Throws CliError. */
  async call<Answer>(request: (transfer: Transfer) => Promise<Answer>): Promise<Answer> {
    for (let calls = 1; ; calls++) {
      try {
        return await request(this.#transfer);
      } catch (error) {
        if (!isNamed(error, 'ThrottlingException') || calls === THROTTLED_CALLS) throw this.#inOneLine(error);
        await wait(pauseSeconds(error, calls) * 1000);
      }
    }
  }

  /** All items of a list, page after page. Throws CliError. */
  async all<Item>(page: (transfer: Transfer, next: string | undefined) => Promise<Page<Item>>): Promise<Item[]> {
    const items: Item[] = [];
    let next: string | undefined;
    do {
      const before = next;
      const answer = await this.call((transfer) => page(transfer, before));
      items.push(...(answer.items ?? []));
      next = answer.next;
    } while (next !== undefined);
    return items;
  }

  close(): void {
    this.#transfer.destroy();
  }

  #inOneLine(error: unknown): Error {
    if (!(error instanceof Error)) return new CliError(String(error));
    // The API's own exceptions, and those of its protocol.
    if ('$fault' in error) return refusal(error);
    const code = 'code' in error ? String(error.code) : '';
    const where = this.#url.origin;
    // OpenSSL has a code for each of its reasons; the word is in the code or in the message of all.
    if (/cert/i.test(`${code} ${error.message}`)) {
      return new CliError(
        `${where}: its certificate is not trusted (${oneLine(error.message)}); name its CA: --ca-file`,
      );
    }
    if (error instanceof SyntaxError) {
      return new CliError(`${where}: what answers there is no management API (${oneLine(error.message)})`);
    }
    return new CliError(`${where} does not answer: ${oneLine(error.message) || code || error.name}`);
  }
}

/** The API's own message, with the resource that it is about; where it has none, the name of the exception. */
function refusal(error: Error & { readonly Resource?: unknown }): CliError {
  const { name, message, Resource: resource } = error;
  if (message === '' || message === 'UnknownError') return new CliError(name);
  const about = typeof resource === 'string' && !message.includes(resource) ? `: ${resource}` : '';
  return new CliError(oneLine(`${message}${about}`));
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

function pauseSeconds(error: unknown, calls: number): number {
  const asked = Number((error as { readonly RetryAfterSeconds?: string }).RetryAfterSeconds);
  const seconds = asked > 0 ? asked : 0.1 * 2 ** calls;
  return Math.min(seconds, LONGEST_PAUSE_SECONDS);
}

function oneLine(text: string): string {
  return printable(text.replace(/\s*\n\s*/g, ' ').trim());
}
