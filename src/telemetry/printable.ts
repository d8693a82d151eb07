/**
 * What is more than a letter to a terminal: control characters (C0, DEL and C1, which some terminals take for the
 * beginning of a command), the ones that change the direction of what follows, and line separators.
 */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
/** Those of them that may stand in JSON as they are. */
const RAW_IN_JSON = /[\u007f-\u009f\p{Bidi_Control}\u2028\u2029]/gu;
/** The lines of a stack, as Node and pino write them. */
const NEXT_STACK_LINE = /^\n(?: +at |caused by: )/;

/** Strangers' words as words: `\x1b` and `\u202e` for what a terminal would act on. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/** A line of JSON that says the same, without what a terminal would act on. */
export function printableJson(line: string): string {
  return line.replace(RAW_IN_JSON, (character) => `\\u${hex(character, 4)}`);
}

/** Every string in a value of JSON made printable, names of fields too; the lines of `stack` stay lines. */
export function printableValue(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return name === 'stack' ? printableStack(value) : printable(value);
  if (Array.isArray(value)) return value.map((each) => printableValue(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [printable(key), printableValue(each, key)]));
}

function printableStack(stack: string): string {
  return stack.replace(UNPRINTABLE, (character, offset: number) =>
    NEXT_STACK_LINE.test(stack.slice(offset, offset + 16)) ? character : escaped(character),
  );
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
