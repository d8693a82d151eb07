import type { Transfer } from '@aws-sdk/client-transfer';
import type { SftpPort } from '../../state/records.ts';

/** A user with 50,000 mappings has about 10 MB. */
const MAX_ANSWER_BYTES = 64 << 20;

interface WithPorts {
  readonly ProtocolDetails?: { SftpPorts?: readonly SftpPort[] | undefined } | undefined;
}

/**
 * `ProtocolDetails.SftpPorts` is in the API and not yet in the SDK, which drops what it does not know. So that a server has
 * ports in what is sent and in what is answered, they are put in beside the SDK's own coding, before the request is signed.
 */
export function carrySftpPorts({ middlewareStack }: Transfer): void {
  middlewareStack.add(
    (next) => (step) => {
      const ports = (step.input as WithPorts).ProtocolDetails?.SftpPorts;
      if (ports !== undefined && hasBody(step.request)) step.request.body = withPorts(step.request.body, ports);
      return next(step);
    },
    { name: 'sendSftpPorts', step: 'build', priority: 'high' },
  );
  middlewareStack.add(
    (next) => async (step) => {
      const result = await next(step);
      const { Server } = result.output as { Server?: { ProtocolDetails?: object } };
      if (Server === undefined || !hasBody(result.response)) return result;
      const { Server: answered } = JSON.parse(asText(result.response.body)) as { Server?: WithPorts };
      const SftpPorts = answered?.ProtocolDetails?.SftpPorts;
      if (SftpPorts !== undefined) Server.ProtocolDetails = { ...Server.ProtocolDetails, SftpPorts };
      return result;
    },
    { name: 'readSftpPorts', step: 'deserialize', priority: 'high' },
  );
  // Nearer to the wire than the SDK's own decoder, which would use the stream up.
  middlewareStack.add(
    (next) => async (step) => {
      const result = await next(step);
      if (hasBody(result.response)) result.response.body = await collected(result.response.body);
      return result;
    },
    { name: 'keepAnswer', step: 'deserialize', priority: 'low' },
  );
}

function hasBody(message: unknown): message is { body: unknown } {
  return typeof message === 'object' && message !== null && 'body' in message;
}

function withPorts(body: unknown, SftpPorts: readonly SftpPort[]): string {
  const request = JSON.parse(asText(body)) as { ProtocolDetails?: object };
  return JSON.stringify({ ...request, ProtocolDetails: { ...request.ProtocolDetails, SftpPorts } });
}

async function collected(body: unknown): Promise<unknown> {
  if (typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body)) return body;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`its answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function asText(body: unknown): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body);
}
