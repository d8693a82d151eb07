import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ListSessionsRequest } from '../../../src/management/session-types.ts';
import type { OpenSession } from '../../../src/state/open-sessions.ts';
import type { Tag } from '../../../src/state/records.ts';
import { MemoryState } from './memory-state.ts';
import { ADMIN, callerWith, newInstallation, newServer, refused, type Installation } from './test-installation.ts';

const TAG: Tag = { Key: 'team', Value: 'blue' };
const LIMITED = callerWith(TAG);
/** Of the configuration file of another node: it is in no state. */
const ELSEWHERE = 's-00000000000000000';
const UNKNOWN_SERVER = 's-fffffffffffffffff';

const idOf = (number: number): string => number.toString(16).padStart(16, '0');

function session(number: number, serverId: string, more: Partial<OpenSession> = {}): OpenSession {
  return {
    ...{ sessionId: idOf(number), serverId, userName: 'alice', remoteAddress: '192.0.2.1', method: 'publickey' },
    ...{ clientVersion: 'SSH-2.0-x', kex: 'mlkem768x25519-sha256', postQuantum: true, openFiles: 2 },
    ...{ connectedAt: 1_790_000_000_000 + number, bytesIn: 10, bytesOut: 20 },
    ...more,
  };
}

let store: MemoryState;
let installation: Installation;
let blue: string;
let red: string;

beforeEach(async () => {
  store = new MemoryState();
  installation = newInstallation(store);
  blue = await newServer(installation, { Tags: [TAG] });
  red = await newServer(installation);
  await store.sessions
    .asNode('one')
    .report([
      session(1, blue),
      session(2, red, { userName: 'bob', kex: null, postQuantum: null, clientVersion: null }),
    ]);
  await store.sessions.asNode('two').report([session(3, red), session(4, ELSEWHERE)]);
});

const ids = async (input: ListSessionsRequest, caller = ADMIN): Promise<string[]> =>
  (await installation.operations.ListSessions(input, caller)).Sessions.map(({ SessionId }) => SessionId);

describe('ListSessions', () => {
  test('lists those of all nodes, as they are now on this one', async () => {
    const answer = await installation.operations.ListSessions({}, ADMIN);
    expect(installation.control.reports).toBe(1);
    expect(answer).toEqual({
      Sessions: [
        {
          ...{ SessionId: idOf(1), ServerId: blue, UserName: 'alice', RemoteAddress: '192.0.2.1', Node: 'one' },
          ...{ ClientVersion: 'SSH-2.0-x', AuthenticationMethod: 'publickey', Kex: 'mlkem768x25519-sha256' },
          ...{ PostQuantum: true, ConnectedAt: new Date(1_790_000_000_001), OpenFiles: 2, BytesIn: 10, BytesOut: 20 },
        },
        {
          ...{ SessionId: idOf(2), ServerId: red, UserName: 'bob', RemoteAddress: '192.0.2.1', Node: 'one' },
          ...{ AuthenticationMethod: 'publickey', ConnectedAt: new Date(1_790_000_000_002) },
          ...{ OpenFiles: 2, BytesIn: 10, BytesOut: 20 },
        },
        expect.objectContaining({ SessionId: idOf(3), Node: 'two' }),
        expect.objectContaining({ SessionId: idOf(4), Node: 'two' }),
      ],
    });
  });

  test('of a server, of a user, of both', async () => {
    expect(await ids({ ServerId: red })).toEqual([idOf(2), idOf(3)]);
    expect(await ids({ UserName: 'alice' })).toEqual([1, 3, 4].map(idOf));
    expect(await ids({ ServerId: red, UserName: 'alice' })).toEqual([idOf(3)]);
    expect(await ids({ ServerId: ELSEWHERE })).toEqual([idOf(4)]);
    expect(await ids({ ServerId: blue, UserName: 'nobody' })).toEqual([]);
    const { exception, members } = await refused(() => ids({ ServerId: UNKNOWN_SERVER }));
    expect([exception, members]).toEqual([
      'ResourceNotFoundException',
      { Resource: UNKNOWN_SERVER, ResourceType: 'Server' },
    ]);
  });

  test('pages have everything once, whatever comes and goes between them', async () => {
    const many = Array.from({ length: 7 }, (_, index) => session(16 + index, blue, { connectedAt: 5 }));
    await store.sessions.asNode('three').report(many);
    const first = await installation.operations.ListSessions({ MaxResults: 3, ServerId: blue }, ADMIN);
    expect(first.Sessions.map(({ SessionId }) => SessionId)).toEqual([16, 17, 18].map(idOf));
    await store.sessions.asNode('three').report(many.slice(3));
    const second = await installation.operations.ListSessions(
      { MaxResults: 5, ServerId: blue, NextToken: first.NextToken },
      ADMIN,
    );
    expect(second).toMatchObject({ Sessions: [19, 20, 21, 22, 1].map((number) => ({ SessionId: idOf(number) })) });
    expect(second.NextToken).toBeUndefined();
  });

  test('a token of another list is refused, and so is what is none', async () => {
    const { NextToken = '' } = await installation.operations.ListSessions({ MaxResults: 1 }, ADMIN);
    const foreign = [
      { NextToken: 'x' },
      { NextToken, ServerId: red },
      { NextToken, UserName: 'alice' },
      { NextToken: Buffer.from(JSON.stringify(['ListSessions', '', '', '1/x'])).toString('base64url') },
      { NextToken: Buffer.from(JSON.stringify(['ListSessions', '', '', ''])).toString('base64url') },
    ];
    for (const input of foreign) {
      expect((await refused(() => ids(input))).exception).toBe('InvalidNextTokenException');
    }
  });

  test('a key limited to a tag sees those of servers that have it', async () => {
    expect(await ids({}, LIMITED)).toEqual([idOf(1)]);
    expect(await ids({ ServerId: blue }, LIMITED)).toEqual([idOf(1)]);
    for (const ServerId of [red, ELSEWHERE, UNKNOWN_SERVER]) {
      expect((await refused(() => ids({ ServerId }, LIMITED))).exception).toBe('ResourceNotFoundException');
    }
    expect(await ids({}, callerWith({ Key: 'team', Value: 'green' }))).toEqual([]);
  });
});

describe('EndSession', () => {
  test('asks the node that has it, and leaves an audit record', async () => {
    expect(await installation.operations.EndSession({ SessionId: idOf(3) }, ADMIN)).toBeNull();
    expect(await store.sessions.asNode('one').takeEnds()).toEqual([]);
    expect(await store.sessions.asNode('two').takeEnds()).toEqual([idOf(3)]);
    expect(await installation.lastAudit()).toMatchObject({
      ...ADMIN.author,
      operation: 'EndSession',
      resource: `arn:aws:transfer:us-east-1:000000000000:session/${red}/${idOf(3)}`,
      before: { UserName: 'alice', RemoteAddress: '192.0.2.1', Node: 'two', ConnectedAt: '2026-09-21T14:13:20.003Z' },
      after: null,
    });
  });

  test('what is not there, or not for this caller, is unknown, and nothing is written', async () => {
    const { revision } = store.snapshot;
    for (const [SessionId, caller] of [
      [idOf(99), ADMIN],
      [idOf(2), LIMITED],
      [idOf(4), LIMITED],
    ] as const) {
      expect(await refused(() => installation.operations.EndSession({ SessionId }, caller))).toEqual({
        exception: 'ResourceNotFoundException',
        message: 'Unknown session',
        members: { Resource: SessionId, ResourceType: 'Session' },
      });
    }
    expect(store.snapshot.revision).toBe(revision);
    await installation.operations.EndSession({ SessionId: idOf(1) }, LIMITED);
    await installation.operations.EndSession({ SessionId: idOf(4) }, ADMIN);
    expect(await store.sessions.asNode('one').takeEnds()).toEqual([idOf(1)]);
    expect(await store.sessions.asNode('two').takeEnds()).toEqual([idOf(4)]);
  });
});
