import { ApiError } from '../api-error.ts';
import { UNBOUNDED_LIST, UNBOUNDED_TEXT } from '../limits.ts';
import { MODEL_OPERATIONS, shapeNamed, type ModelShape } from './transfer-model.ts';

type Of<Type extends ModelShape['type']> = Extract<ModelShape, { readonly type: Type }>;

/** What JSON can be. */
interface JsonObject {
  readonly [member: string]: unknown;
}

/** Patterns that say nothing to a person. */
const IN_WORDS: Readonly<Record<string, string>> = {
  SshPublicKeyBody: 'a public key in one line, such as "ssh-ed25519 AAAA…"',
};

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The input of an operation, from the body of its request: an object that has nothing but the model's members, of the right
 * types and within their bounds. Timestamps become Dates, blobs Buffers. A member that is null is left out. The service passes
 * over members that it does not know; here they are refused, since what is sent must be in force and come back in Describe.
 * Messages name the member and what was expected, never what was sent: it may be a secret.
 *
 * @throws ApiError SerializationException for what is no JSON, and for a wrong JSON type; InvalidRequestException for
 *   everything else; UnknownOperationException
 */
export function readInput(operation: string, body: Uint8Array): JsonObject {
  const { input } = MODEL_OPERATIONS.get(operation) ?? noSuchOperation();
  const shape = shapeNamed(input);
  if (shape.type !== 'structure') throw new RangeError(`the input of ${operation} is no structure`);
  return structure(shape, parsed(body), '', operation);
}

function noSuchOperation(): never {
  throw new ApiError('UnknownOperationException', 'there is no operation of that name');
}

/** An empty body is an empty object. */
function parsed(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(UTF8.decode(body)) as unknown;
  } catch {
    // The parser's message quotes the body, in which there may be a secret.
    throw new ApiError('SerializationException', 'the body is no JSON in UTF-8');
  }
}

function value(shapeName: string, given: unknown, path: string, operation: string): unknown {
  const shape = shapeNamed(shapeName);
  switch (shape.type) {
    case 'structure':
      return structure(shape, given, path, operation);
    case 'list':
      return list(shape, given, path, operation);
    case 'string':
      return text(shape, given, path, IN_WORDS[shapeName]);
    case 'integer':
    case 'long':
      return integer(shape, given, path);
    case 'boolean':
      return typeof given === 'boolean' ? given : wrongType(path, 'true or false');
    case 'timestamp':
      return timestamp(given, path);
    case 'blob':
      return blob(shape, given, path);
  }
}

function structure(shape: Of<'structure'>, given: unknown, path: string, operation: string): JsonObject {
  if (!isObject(given)) wrongType(path, 'an object');
  const { members, required } = shape;
  const output: Record<string, unknown> = {};
  for (const [member, content] of Object.entries(given)) {
    if (content === null) continue;
    const of = Object.hasOwn(members, member) ? members[member] : undefined;
    if (of === undefined) unknownMember(path === '' ? operation : path, member, Object.keys(members));
    output[member] = value(of, content, joined(path, member), operation);
  }
  for (const member of required) {
    if (!Object.hasOwn(output, member)) invalid(`${joined(path, member)} is missing: it is required`);
  }
  if (shape.union && Object.keys(output).length !== 1) {
    invalid(`${path}: expected exactly one of ${Object.keys(members).join(', ')}`);
  }
  return output;
}

function unknownMember(whose: string, member: string, known: readonly string[]): never {
  const near = known.find((each) => each.toLowerCase() === member.toLowerCase());
  invalid(`${whose} has no member ${shown(member)}${near === undefined ? '' : `: expected ${near}`}`);
}

function list(shape: Of<'list'>, given: unknown, path: string, operation: string): unknown[] {
  if (!Array.isArray(given)) wrongType(path, 'a list');
  const { min = 0, max = UNBOUNDED_LIST } = shape;
  if (given.length < min || given.length > max) invalid(`${path}: expected ${amount(min, max)} elements`);
  return given.map((element: unknown, index) => value(shape.member, element, `${path}[${index}]`, operation));
}

function text(shape: Of<'string'>, given: unknown, path: string, inWords?: string): string {
  if (typeof given !== 'string') wrongType(path, 'a string');
  const { min = 0, max = UNBOUNDED_TEXT, pattern } = shape;
  if (shape.enum !== undefined) {
    if (!shape.enum.includes(given)) invalid(`${path}: expected one of ${shape.enum.join(', ')}`);
    return given;
  }
  // The pattern comes after the length: some take a time that grows with the square of it.
  if (!isOfLength(given, min, max)) invalid(`${path}: expected ${amount(min, max)} characters`);
  if (pattern?.test(given) === false) {
    invalid(`${path}: expected ${inWords ?? `a text of the form ${pattern.source.slice(4, -2)}`}`);
  }
  return given;
}

function integer(shape: Of<'integer' | 'long'>, given: unknown, path: string): number {
  if (typeof given !== 'number' || !Number.isSafeInteger(given)) wrongType(path, 'an integer');
  const { min = -(2 ** 31), max = 2 ** 31 - 1 } = shape;
  if (given < min || given > max) invalid(`${path}: expected a number from ${min} to ${max}`);
  return given;
}

function timestamp(given: unknown, path: string): Date {
  const date = typeof given === 'number' ? new Date(given * 1000) : null;
  return date === null || Number.isNaN(date.getTime()) ? wrongType(path, 'seconds since the epoch') : date;
}

function blob({ min = 0, max = UNBOUNDED_TEXT }: Of<'blob'>, given: unknown, path: string): Buffer {
  if (typeof given !== 'string') wrongType(path, 'a string in base64');
  const bytes = Buffer.from(given, 'base64');
  if (bytes.toString('base64') !== given) wrongType(path, 'a string in base64');
  if (bytes.length < min || bytes.length > max) invalid(`${path}: expected ${amount(min, max)} bytes`);
  return bytes;
}

/** The model counts code points: of them a text has at least half as many as its `length`. */
function isOfLength(given: string, min: number, max: number): boolean {
  const { length } = given;
  if (length < min || length > 2 * max) return false;
  if (length >= 2 * min && length <= max) return true;
  let count = 0;
  for (const _ of given) count += 1;
  return count >= min && count <= max;
}

function isObject(given: unknown): given is JsonObject {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

function joined(path: string, member: string): string {
  return path === '' ? member : `${path}.${member}`;
}

function amount(min: number, max: number): string {
  if (min === max) return String(min);
  return min === 0 ? `at most ${max}` : `${min} to ${max}`;
}

/** A member's name out of a request, for a message: short, printable, in quotes. */
function shown(member: string): string {
  const plain = member.slice(0, 60).replaceAll(/[^\x20-\x7e]/g, '?');
  return JSON.stringify(plain.length < member.length ? `${plain}…` : plain);
}

function invalid(message: string): never {
  throw new ApiError('InvalidRequestException', message);
}

function wrongType(path: string, expected: string): never {
  throw new ApiError('SerializationException', `${path === '' ? 'the body' : path}: expected ${expected}`);
}
