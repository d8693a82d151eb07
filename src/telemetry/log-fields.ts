/** One line of the JSON log. What stands in it is to be checked: anybody may have written the file. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The line as an object, or null where it is none. */
export function logFields(line: string): LogFields | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as LogFields) : null;
  } catch {
    return null;
  }
}

/** Longer ones are no names, paths or messages of ours. Characters. */
const MAX_TEXT = 4096;

/** The field if it is a string, cut where it is far too long; null otherwise. */
export function textField(fields: LogFields, name: string): string | null {
  const value = fields[name];
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : null;
}
