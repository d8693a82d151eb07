// Inputs made from the model: one that is right, with every member, and those that differ from it in one thing.
import { MODEL_OPERATIONS, shapeNamed, type ModelShape } from '../../src/management/model/transfer-model.ts';

export interface Change {
  /** What was changed, for a test's name. */
  readonly name: string;
  readonly input: unknown;
  readonly exception: string;
  /** What the message must name. */
  readonly path: string;
}

type Members = Readonly<Record<string, unknown>>;

/** One of them fits each pattern of the model. */
const TEXTS = [
  's-0123456789abcdef0',
  'key-0123456789abcdef0',
  'hostkey-0123456789abcdef0',
  'a-0123456789abcdef0',
  'c-0123456789abcdef0',
  'p-0123456789abcdef0',
  'w-0123456789abcdef0',
  'cert-0123456789abcdef0',
  'webapp-0123456789abcdef0',
  'vpce-0123456789abcdef0',
  'd-0123456789',
  'sg-0123456789abcdef0',
  'arn:aws:iam::123456789012:role/sftp-users',
  'arn:aws:lambda:us-east-1:123456789012:function:step',
  'arn:aws:sso:::instance/ssoins-0123456789abcdef',
  'arn:aws:vpc-lattice:us-east-1:123456789012:resourceconfiguration/rcfg-0123456789abcdef0',
  'fs-0123456789abcdef0',
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDCvF1NpvN9Ro31vpJ1Yl9hzOdJjo5zYcmIyqZKq7zN anna',
  'TransferSecurityPolicy-2025-03',
  'TransferSFTPConnectorSecurityPolicy-2024-03',
  'S-1-5-21-1234567890',
  '01234567-89ab-cdef-0123-456789abcdef',
  '${original.file}',
  '/anna',
  'anna',
  '10.0.0.1',
  'bucket-one',
  '0123456789abcdef',
  'x',
];

function sampleOf(name: string): unknown {
  const shape = shapeNamed(name);
  switch (shape.type) {
    case 'structure': {
      const members = Object.entries(shape.members);
      const some = shape.union ? members.slice(0, 1) : members;
      return Object.fromEntries(some.map(([member, of]) => [member, sampleOf(of)]));
    }
    case 'list':
      return Array.from({ length: Math.max(1, shape.min ?? 0) }, () => sampleOf(shape.member));
    case 'string': {
      const { min = 0, max = 4096, pattern } = shape;
      const fits = (text: string): boolean => text.length >= min && text.length <= max && pattern?.test(text) !== false;
      const text = shape.enum?.[0] ?? [...TEXTS, 'x'.repeat(Math.max(1, min))].find(fits);
      if (text === undefined) throw new Error(`no text for ${name}`);
      return text;
    }
    case 'integer':
    case 'long':
      return shape.min ?? 1;
    case 'boolean':
      return true;
    case 'timestamp':
      return 1_700_000_000.5;
    case 'blob':
      return Buffer.from('x'.repeat(shape.min ?? 1)).toString('base64');
  }
}

export function sampleInput(operation: string): Members {
  return sampleOf(inputOf(operation)) as Members;
}

function inputOf(operation: string): string {
  const { input } = MODEL_OPERATIONS.get(operation) ?? {};
  if (input === undefined) throw new Error(operation);
  return input;
}

/** Everything that can be wrong with one member, at any depth. */
export function changesOf(operation: string): readonly Change[] {
  const sample = sampleInput(operation);
  return [
    {
      name: 'an unknown member',
      input: { ...sample, Nonsense: 1 },
      exception: 'InvalidRequestException',
      path: 'Nonsense',
    },
    ...within(inputOf(operation), sample, '', (changed) => changed),
  ];
}

/** `put` makes the whole input of another value at `path`. */
function within(shapeName: string, sample: unknown, path: string, put: (value: unknown) => unknown): Change[] {
  const shape = shapeNamed(shapeName);
  const change = (what: string, value: unknown, exception = 'InvalidRequestException'): Change => ({
    name: `${path} ${what}`,
    input: put(value),
    exception,
    path,
  });
  const wrongType = change('of a wrong type', shape.type === 'structure' ? [] : {}, 'SerializationException');
  const own = path === '' ? [] : [wrongType, ...ownChanges(shape, sample, change)];
  if (shape.type === 'list') {
    const elements = sample as readonly unknown[];
    return [...own, ...within(shape.member, elements[0], `${path}[0]`, (value) => put(elements.with(0, value)))];
  }
  if (shape.type !== 'structure') return own;
  const members = sample as Members;
  const at = (member: string): string => (path === '' ? member : `${path}.${member}`);
  const missing = shape.required.map((member) => {
    const { [member]: _, ...others } = members;
    return {
      name: `${at(member)} missing`,
      input: put(others),
      exception: 'InvalidRequestException',
      path: at(member),
    };
  });
  const deeper = Object.entries(members).flatMap(([member, value]) =>
    within(shape.members[member] ?? '', value, at(member), (other) => put({ ...members, [member]: other })),
  );
  return [...own, ...missing, ...deeper];
}

function ownChanges(shape: ModelShape, sample: unknown, change: (what: string, value: unknown) => Change): Change[] {
  switch (shape.type) {
    case 'structure':
      return [change('with an unknown member', { ...(sample as Members), Nonsense: 1 })];
    case 'list': {
      const { min = 0, max = 1000 } = shape;
      const [element] = sample as readonly unknown[];
      return [
        change('with too many elements', Array(max + 1).fill(element)),
        ...(min > 0 ? [change('with too few elements', [])] : []),
      ];
    }
    case 'string': {
      if (shape.enum !== undefined) return [change('not of the enumeration', 'NONSENSE')];
      const { min = 0, max = 4096, pattern } = shape;
      const wrong = ['!\u0000\u{1F600}', `x${'\u0000\n'.repeat(Math.max(1, min))}`.slice(0, max)].find(
        (text) => text.length >= min && pattern?.test(text) === false,
      );
      return [
        change('too long', 'x'.repeat(max + 1)),
        ...(min > 0 ? [change('too short', 'x'.repeat(min - 1))] : []),
        ...(wrong === undefined ? [] : [change('of a wrong pattern', wrong)]),
      ];
    }
    case 'integer':
    case 'long': {
      const { min = -(2 ** 31), max = 2 ** 31 - 1 } = shape;
      return [change('too large', max + 1), change('too small', min - 1)];
    }
    case 'blob':
      return [change('too long', Buffer.alloc((shape.max ?? 4096) + 1).toString('base64'))];
    case 'boolean':
    case 'timestamp':
      return [];
  }
}
