import { z } from 'zod';
import { nearestNames } from '../policy/nearest-names.ts';
import type { ConfigProblem } from '../policy/config-error.ts';
import { jsonPathOf, quoted } from '../policy/config-error.ts';

/** What of a JSON Schema is looked at. */
interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly const?: unknown;
}

/**
 * One complaint of zod's in words for the operator: what is missing, what was expected, and for a setting that is not
 * known the nearest ones that are. `json` is the file's content, `schema` what it was checked against.
 */
export function describeIssue(issue: z.core.$ZodIssue, json: unknown, schema: z.ZodType): ConfigProblem {
  return { jsonPath: jsonPathOf(issue.path), problem: problemOf(issue, json, schema) };
}

function problemOf(issue: z.core.$ZodIssue, json: unknown, schema: z.ZodType): string {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = settingsAt(issue.path, json, schema);
      return issue.keys
        .map((key) => `unknown setting ${quoted(key)}; nearest known: ${nearestNames(key, known, 2).join(', ')}`)
        .join('; ');
    }
    case 'invalid_type':
      return valueAt(issue.path, json) === undefined ? `is missing: expected ${issue.expected}` : plain(issue.message);
    default:
      return plain(issue.message);
  }
}

/** Without zod's own first words. */
function plain(message: string): string {
  return message.replace(/^Invalid (input|option|discriminator value)[:.] [Ee]xpected/, 'expected');
}

function valueAt(path: readonly PropertyKey[], json: unknown): unknown {
  return path.reduce<unknown>((value, key) => {
    return typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  }, json);
}

/** The names of the settings that the object at `path` may have. */
function settingsAt(path: readonly PropertyKey[], json: unknown, schema: z.ZodType): string[] {
  let nodes: SchemaNode[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as SchemaNode];
  path.forEach((key, index) => {
    nodes = alternatives(nodes, valueAt(path.slice(0, index), json)).flatMap(({ properties, items }) => {
      const next = typeof key === 'number' ? items : properties?.[String(key)];
      return next === undefined ? [] : [next];
    });
  });
  return [...new Set(alternatives(nodes, valueAt(path, json)).flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** The branches of unions, less those that are for another `type` than the value has. */
function alternatives(nodes: readonly SchemaNode[], value: unknown): SchemaNode[] {
  const type = valueAt(['type'], value);
  return nodes
    .flatMap((node) => ((node.anyOf ?? node.oneOf) ? alternatives(node.anyOf ?? node.oneOf ?? [], value) : [node]))
    .filter(({ properties }) => properties?.['type']?.const === undefined || properties['type'].const === type);
}
