import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../src/management/api-error.ts';
import { missingPeer } from '../peers/peers.ts';
import { API_CLIENTS } from './api-clients.ts';
import { listening, SERVER_ID } from './api-doubles.ts';
import { OPERATOR_DAY } from './operator-day.ts';
import { EXAMPLE_KEY } from './sign-request.ts';

/** What an operation answers. */
const ANSWER = {
  ServerId: SERVER_ID,
  Servers: [{ Arn: `arn:aws:transfer:us-east-1:123456789012:server/${SERVER_ID}`, ServerId: SERVER_ID }],
};
/** Of a test that starts a client twenty times, each of which loads some hundred Python modules. */
const TIMEOUT_MS = 600_000;

const ENDS_EMPTY = /^(Delete|Start|Stop|Tag)/;

describe.each(API_CLIENTS)('$name', (client) => {
  const missing = client.peer === null ? null : missingPeer(client.peer);
  const tried = missing === null ? test : test.skip;
  const because = missing === null ? '' : ` (${missing})`;

  tried(
    `an operator's day${because}`,
    async () => {
      await using api = await listening({
        answer: ({ operation, input }) => {
          if (ENDS_EMPTY.test(operation)) return null;
          // Two pages: the CLI asks for the second one by itself.
          return operation === 'ListServers' && !('NextToken' in input) ? { ...ANSWER, NextToken: 'more' } : ANSWER;
        },
      });
      const target = { endpoint: `http://127.0.0.1:${api.port}`, key: EXAMPLE_KEY };
      for (const [operation, input] of OPERATOR_DAY) {
        const outcome = await client.call(target, operation, input);
        expect([operation, outcome]).toEqual([operation, { output: expect.any(Object) }]);
        if (operation === 'CreateServer')
          expect(outcome).toEqual({ output: expect.objectContaining({ ServerId: SERVER_ID }) });
        expect(api.calls).toContainEqual(expect.objectContaining({ operation, input }));
      }
    },
    TIMEOUT_MS,
  );

  tried(
    `exceptions, in its own classes${because}`,
    async () => {
      const answers: Error[] = [
        new ApiError('ResourceNotFoundException', 'Unknown server', { Resource: SERVER_ID, ResourceType: 'Server' }),
        new ApiError('ConflictException', 'it is in the file latticeport.json'),
        new ApiError('ThrottlingException', 'slowly', { RetryAfterSeconds: '1' }),
        new Error('a fault of ours'),
      ];
      await using api = await listening({
        answer: () => {
          throw answers.shift() ?? new Error('too many calls');
        },
      });
      const target = { endpoint: `http://127.0.0.1:${api.port}`, key: EXAMPLE_KEY };
      const describeServer = (key = EXAMPLE_KEY): ReturnType<typeof client.call> =>
        client.call({ ...target, key }, 'DescribeServer', { ServerId: SERVER_ID });
      expect(await describeServer()).toMatchObject({
        exception: 'ResourceNotFoundException',
        message: expect.stringContaining('Unknown server'),
      });
      expect(await describeServer()).toMatchObject({ exception: 'ConflictException' });
      expect(await describeServer()).toMatchObject({ exception: 'ThrottlingException' });
      expect(await describeServer()).toMatchObject({ exception: 'InternalServiceError' });
      expect(await describeServer({ ...EXAMPLE_KEY, secretAccessKey: 'x'.repeat(40) })).toMatchObject({
        exception: 'UnrecognizedClientException',
        message: expect.stringContaining('not right'),
      });
      // What the client itself does not check.
      const pattern = { ServerId: 'server-0123456789ab', UserName: 'anna' };
      expect(await client.call(target, 'DescribeUser', pattern)).toMatchObject({
        exception: 'InvalidRequestException',
        message: expect.stringContaining('ServerId: expected a text of the form'),
      });
      expect(await client.call(target, 'CreateProfile', { As2Id: 'x', ProfileType: 'LOCAL' })).toMatchObject({
        exception: 'InvalidRequestException',
        message: expect.stringContaining('not supported by Latticeport: CreateProfile'),
      });
    },
    TIMEOUT_MS,
  );
});
