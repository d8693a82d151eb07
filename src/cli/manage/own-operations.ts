import type { Transfer } from '@aws-sdk/client-transfer';
import type {
  EndSessionRequest,
  ListedSession,
  ListSessionsRequest,
  ListSessionsResponse,
} from '../../management/session-types.ts';

/** As it comes over the wire: dates are seconds since the epoch. */
type Encoded<Item> = { readonly [Member in keyof Item]: Item[Member] extends Date ? number : Item[Member] };

interface EncodedSessions {
  readonly Sessions: readonly Encoded<ListedSession>[];
  readonly NextToken?: string;
}

/** One page of the sessions that are open now. Throws as the SDK's own operations do. */
export async function listSessions(transfer: Transfer, request: ListSessionsRequest): Promise<ListSessionsResponse> {
  const answer = (await callOurs(transfer, 'ListSessions', request)) as EncodedSessions;
  const Sessions = answer.Sessions.map(({ ConnectedAt, ...session }) => ({
    ...session,
    ConnectedAt: new Date(ConnectedAt * 1000),
  }));
  return { ...answer, Sessions };
}

/** Throws as the SDK's own operations do. */
export async function endSession(transfer: Transfer, request: EndSessionRequest): Promise<void> {
  await callOurs(transfer, 'EndSession', request);
}

/**
 * Calls an operation that the service has not, and the SDK therefore does not know. The SDK's client carries it under the command of
 * another one: signature, TLS, time limits and exceptions are those of all calls. Only target, body and answer are others.
 */
async function callOurs(transfer: Transfer, operation: string, input: object): Promise<unknown> {
  const { ListServersCommand } = await import('@aws-sdk/client-transfer');
  const command = new ListServersCommand({});
  let answer = '';
  command.middlewareStack.add(
    (next) => (step) => {
      if (isRequest(step.request)) {
        step.request.headers['x-amz-target'] = `Latticeport.${operation}`;
        step.request.body = JSON.stringify(input);
      }
      return next(step);
    },
    // Before the length of the body is counted, and the whole is signed.
    { name: 'sendOurs', step: 'build', priority: 'high' },
  );
  command.middlewareStack.add(
    (next) => async (step) => {
      const result = await next(step);
      const { body } = result.response as { readonly body?: unknown };
      // The client keeps what came: see carrySftpPorts.
      if (body instanceof Uint8Array) answer = new TextDecoder().decode(body);
      return result;
    },
    { name: 'readOurs', step: 'deserialize', priority: 'high' },
  );
  await transfer.send(command);
  return answer === '' ? {} : (JSON.parse(answer) as unknown);
}

function isRequest(request: unknown): request is { headers: Record<string, string>; body: unknown } {
  return typeof request === 'object' && request !== null && 'headers' in request && 'body' in request;
}
