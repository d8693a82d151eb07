import { ApiError } from '../api-error.ts';
import { UNBOUNDED_LIST, UNBOUNDED_TEXT } from '../limits.ts';
import { MODEL_OPERATIONS, shapeNamed, type ModelShape } from './transfer-model.ts';

type Of<Type extends ModelShape['type']> = Extract<ModelShape, { readonly type: Type }>;

/** What JSON can be. */
interface JsonObject {
  readonly [member: string]: unknown;
}

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
      return text(shape, given, path);
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
  const here = Object.entries(given).filter(([, member]) => member !== null);
  for (const [member] of here) {
    if (!Object.hasOwn(members, member)) {
      const whose = path === '' ? operation : path;
      const near = Object.keys(members).find((known) => known.toLowerCase() === member.toLowerCase());
      invalid(`${whose} has no member ${shown(member)}${near === undefined ? '' : `: expected ${near}`}`);
    }
  }
  const missing = required.find((member) => !here.some(([name]) => name === member));
  if (missing !== undefined) invalid(`${joined(path, missing)} is missing: it is required`);
  if (shape.union && here.length !== 1) {
    invalid(`${path}: expected exactly one of ${Object.keys(members).join(', ')}`);
  }
  return Object.fromEntries(
    here.map(([member, content]) => [member, value(members[member] ?? '', content, joined(path, member), operation)]),
  );
}

function list(shape: Of<'list'>, given: unknown, path: string, operation: string): unknown[] {
  if (!Array.isArray(given)) wrongType(path, 'a list');
  const { min = 0, max = UNBOUNDED_LIST } = shape;
  if (given.length < min || given.length > max) invalid(`${path}: expected ${amount(min, max)} elements`);
  return given.map((element: unknown, index) => value(shape.member, element, `${path}[${index}]`, operation));
}

function text(shape: Of<'string'>, given: unknown, path: string): string {
  if (typeof given !== 'string') wrongType(path, 'a string');
  const { min = 0, max = UNBOUNDED_TEXT, pattern } = shape;
  if (shape.enum !== undefined) {
    if (!shape.enum.includes(given)) invalid(`${path}: expected one of ${shape.enum.join(', ')}`);
    return given;
  }
  // The pattern comes after the length: some take a time that grows with the square of it.
  const length = characters(given, max);
  if (length < min || length > max) invalid(`${path}: expected ${amount(min, max)} characters`);
  if (pattern?.test(given) === false) invalid(`${path}: expected a text of the form ${pattern.source.slice(4, -2)}`);
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

/** As the model counts them: code points. A text that is far too long is not counted. */
function characters(given: string, max: number): number {
  if (given.length > 2 * max) return given.length;
  let count = 0;
  for (const _ of given) count += 1;
  return count;
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
