import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ApiError } from '../../src/management/api-error.ts';
import { MODEL_OPERATIONS, shapeNamed } from '../../src/management/model/transfer-model.ts';
import { readInput } from '../../src/management/model/validate.ts';
import { randomRuns, timeoutFor } from '../random-runs.ts';
import { changesOf, sampleInput } from './sample-input.ts';

const OPERATIONS = [...MODEL_OPERATIONS.keys()];

/** The exception of a body, with its message; null where it is taken. */
function refusalOf(operation: string, body: string | Uint8Array): readonly [string, string] | null {
  try {
    readInput(operation, typeof body === 'string' ? Buffer.from(body) : body);
    return null;
  } catch (error) {
    if (error instanceof ApiError) return [error.exception, error.message];
    throw error;
  }
}

const refusalOfInput = (operation: string, input: unknown): readonly [string, string] | null =>
  refusalOf(operation, JSON.stringify(input));

describe.each(OPERATIONS)('%s', (operation) => {
  const sample = sampleInput(operation);

  test('takes an input with every member', () => {
    expect(refusalOfInput(operation, sample)).toBeNull();
  });

  test('is an operation whose exceptions the model has', () => {
    expect(MODEL_OPERATIONS.get(operation)?.errors).toEqual(
      expect.arrayContaining(['InvalidRequestException', 'InternalServiceError']),
    );
  });

  test.each(changesOf(operation).map((change) => [change.name, change] as const))(
    '%s',
    (_, { input, exception, path }) => {
      const [name, message] = refusalOfInput(operation, input) ?? [];
      expect([name, message]).toEqual([exception, expect.stringContaining(path)]);
    },
  );
});

test('the changes are of every kind', () => {
  const names = OPERATIONS.flatMap((operation) => changesOf(operation).map(({ name }) => name));
  for (const kind of [
    'missing',
    'unknown member',
    'wrong type',
    'too long',
    'too short',
    'wrong pattern',
    'too many',
    'too large',
  ]) {
    expect(names.filter((name) => name.includes(kind)).length).toBeGreaterThan(5);
  }
});

describe('bodies', () => {
  const refused = (body: string | Uint8Array): string | undefined => refusalOf('ListServers', body)?.[0];

  test('none is an empty object', () => {
    expect(readInput('ListServers', Buffer.alloc(0))).toEqual({});
    expect(readInput('ListServers', Buffer.from(' {} '))).toEqual({});
  });

  test.each(['[]', 'null', '1', '"x"', '{', '{"MaxResults":1,}', '{"MaxResults":01}', "{'MaxResults':1}", '\ufeff{}x'])(
    'no object: %s',
    (body) => {
      expect(refused(body)).toBe('SerializationException');
    },
  );

  test('no UTF-8', () => {
    expect(refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBe('SerializationException');
  });

  test('as deep as a body can be', () => {
    expect(refused('['.repeat(1024 * 1024))).toBe('SerializationException');
    expect(refused(`{"a":${'['.repeat(400_000)}${']'.repeat(400_000)}}`)).toBe('InvalidRequestException');
    expect(refused(`{"NextToken":${'['.repeat(400_000)}${']'.repeat(400_000)}}`)).toBe('SerializationException');
  });

  test('names that objects have', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(refused(`{${JSON.stringify(name)}:{}}`)).toBe('InvalidRequestException');
    }
  });

  test('null is a member that is not there', () => {
    expect(readInput('ListServers', Buffer.from('{"NextToken":null,"MaxResults":5}'))).toEqual({ MaxResults: 5 });
    expect(refusalOf('DescribeServer', '{"ServerId":null}')?.[1]).toContain('ServerId is missing');
  });

  test('lengths are those of code points', () => {
    const ofKeys = (key: string): unknown =>
      refusalOfInput('UntagResource', { Arn: 'arn:aws:transfer:us-east-1:1:server/s-1', TagKeys: [key] });
    expect(ofKeys('😀'.repeat(128))).toBeNull();
    expect(ofKeys('😀'.repeat(129))).not.toBeNull();
  });

  test('a member in other letters is told', () => {
    expect(refusalOfInput('DescribeServer', { serverid: 's-1' })?.[1]).toContain('expected ServerId');
  });

  test('messages hold nothing of what was sent', () => {
    const secret = 'hunter2-is-my-secret';
    for (const [operation, input] of [
      ['ImportHostKey', { ServerId: secret, HostKeyBody: secret }],
      ['TestIdentityProvider', { ServerId: 's-0123456789abcdef0', UserName: 'anna', UserPassword: secret.repeat(100) }],
      ['TestIdentityProvider', { ServerId: 's-0123456789abcdef0', UserName: 'anna', UserPassword: [secret] }],
      ['CreateServer', { EndpointType: secret }],
    ] as const) {
      const [, message = ''] = refusalOfInput(operation, input) ?? [];
      expect(message).not.toBe('');
      expect(message).not.toContain('hunter2');
    }
    expect(refusalOf('CreateServer', `{"HostKey":"${secret}`)?.[1]).not.toContain('hunter2');
  });

  test("Latticeport's additions: ports of a server, and a proxy's header", () => {
    const input = {
      ProtocolDetails: {
        SftpPorts: [{ SftpPort: 2222, CommunicationMode: 'SERVER_TALK_FIRST' }, { SftpPort: 22 }],
        ProxyConfig: { SftpMode: 'NONE' },
        SetStatOption: 'DEFAULT',
      },
    };
    expect(readInput('CreateServer', Buffer.from(JSON.stringify(input)))).toEqual(input);
    for (const SftpPorts of [[{}], [{ SftpPort: 65_536 }], [{ SftpPort: 1.5 }], Array(4).fill({ SftpPort: 22 })]) {
      expect(
        refusalOfInput('UpdateServer', { ServerId: 's-0123456789abcdef0', ProtocolDetails: { SftpPorts } }),
      ).not.toBeNull();
    }
  });
});

describe('patterns that are written anew', () => {
  const SOURCE = /^\$\{(\w+.)+\w+\}$/u;
  const PUBLIC_KEY =
    /^\s*(ssh|ecdsa)-[a-z0-9-]+[ \t]+(([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{1,3})?(={0,3})?)(\s*|[ \t]+[\S \t]*\s*)$/u;

  function patternOf(name: string): RegExp {
    const shape = shapeNamed(name);
    if (shape.type !== 'string' || shape.pattern === undefined) throw new Error(name);
    return shape.pattern;
  }

  const sameAs = (original: RegExp, name: string, texts: fc.Arbitrary<string>): void => {
    const own = patternOf(name);
    fc.assert(
      fc.property(texts, (text) => own.test(text) === original.test(text)),
      { numRuns: randomRuns(20_000) },
    );
  };
  const made = (characters: string, maxLength: number): fc.Arbitrary<string> =>
    fc.array(fc.constantFrom(...Array.from(characters)), { maxLength }).map((all) => all.join(''));

  test('SourceFileLocation', () => {
    sameAs(
      SOURCE,
      'SourceFileLocation',
      made('ab.- \n\u2028', 9).map((inside) => `\${${inside}}`),
    );
    expect(patternOf('SourceFileLocation').test('${previous.file}')).toBe(true);
  });

  test('SshPublicKeyBody', () => {
    sameAs(
      PUBLIC_KEY,
      'SshPublicKeyBody',
      made('A1=/ \t\n.\u00a0', 12).map((rest) => `ssh-a${rest}`),
    );
    sameAs(
      PUBLIC_KEY,
      'SshPublicKeyBody',
      made('A= \n', 8).map((rest) => ` ecdsa-sha2-nistp256 ${rest}`),
    );
  });

  test('no pattern takes for ever for a text of the most characters', () => {
    for (const hostile of [
      `\${${'a'.repeat(250)}!!}`,
      `ssh-a${' '.repeat(2040)}\n!`,
      `ssh-rsa ${'A'.repeat(1000)}${' '.repeat(1000)}\n\n!`,
      `ssh-${'-'.repeat(2040)}`,
      `arn:${'role/'.repeat(400)}\n`,
      `arn:aws${'-a'.repeat(50)}`,
    ]) {
      const matching = ['SourceFileLocation', 'SshPublicKeyBody', 'Role', 'NullableRole', 'EfsFileSystemId'].filter(
        (name) => patternOf(name).test(hostile),
      );
      expect(matching).toEqual([]);
    }
  });
});

describe('fuzzing', () => {
  const runs = randomRuns(10_000);

  test(
    'whatever the body, an input comes out or an exception',
    () => {
      const anything = fc.oneof(fc.string({ maxLength: 200 }), fc.json(), fc.uint8Array({ maxLength: 200 }));
      const known = new Set(['InvalidRequestException', 'SerializationException']);
      fc.assert(
        fc.property(fc.constantFrom(...OPERATIONS), anything, (operation, body) => {
          const refused = refusalOf(operation, body);
          return refused === null || known.has(refused[0]);
        }),
        { numRuns: runs },
      );
    },
    timeoutFor(runs),
  );

  test(
    'whatever one member is',
    () => {
      fc.assert(
        fc.property(fc.constantFrom(...OPERATIONS), fc.nat(), fc.jsonValue(), (operation, which, other) => {
          const sample = sampleInput(operation);
          const members = Object.keys(sample);
          const member = members[which % members.length] ?? 'x';
          const refused = refusalOfInput(operation, { ...sample, [member]: other });
          return refused === null || /^[A-Z]\w+Exception$/.test(refused[0]);
        }),
        { numRuns: runs },
      );
    },
    timeoutFor(runs),
  );
});
