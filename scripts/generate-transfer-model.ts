import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';
import { z } from 'zod';

/**
 * Writes src/management/model/transfer-model.json: the facts of the service's API model that the management API is checked by,
 * without its sentences. The argument is the path of botocore's data/transfer/2018-11-05/service-2.json.
 */
const source = process.argv[2];
if (source === undefined) throw new Error('usage: node scripts/generate-transfer-model.ts SERVICE-2.JSON');
const target = fileURLToPath(new URL('../src/management/model/transfer-model.json', import.meta.url));

const reference = z.object({ shape: z.string() });
const serviceModel = z.object({
  metadata: z.object({ apiVersion: z.string() }),
  operations: z.record(
    z.string(),
    z.object({
      input: reference,
      output: reference.optional(),
      errors: z.array(reference),
      readonly: z.boolean().optional(),
    }),
  ),
  shapes: z.record(
    z.string(),
    z.object({
      type: z.enum(['structure', 'list', 'string', 'integer', 'long', 'boolean', 'timestamp', 'blob']),
      members: z.record(z.string(), reference).optional(),
      required: z.array(z.string()).optional(),
      member: reference.optional(),
      min: z.number().optional(),
      max: z.number().optional(),
      pattern: z.string().optional(),
      enum: z.array(z.string()).optional(),
      sensitive: z.boolean().optional(),
      union: z.boolean().optional(),
      fault: z.boolean().optional(),
    }),
  ),
});

/**
 * Two of the model's patterns take a time that grows with a power of the text's length, one of them exponentially. These ones
 * match the same texts (test/management/model.test.ts compares them), and each character can be read in one way only.
 */
const REWRITTEN: Readonly<Record<string, string>> = {
  SourceFileLocation: '\\$\\{\\w(?:\\w|[^\\w\\n\\r\\u2028\\u2029](?=\\w))+\\w\\}',
  SshPublicKeyBody: '\\s*(?:ssh|ecdsa)-[a-z0-9-]+[ \\t]+[A-Za-z0-9+/]*={0,3}(?:[ \\t][\\S \\t]*)?(?:[^\\S \\t]\\s*)?',
};

/**
 * Java allows escapes that say nothing, and a `-` after a class within brackets; JavaScript's `u` allows neither. Java's Print is
 * the printable half of ASCII.
 */
function forJavaScript(pattern: string): string {
  const plain = pattern.replace(/\\([-:_/])/g, (_, character: string) => (character === '-' ? '\\x2d' : character));
  return plain.replaceAll('\\p{Print}', '\\x20-\\x7E').replaceAll('[\\w-', '[\\w\\-').replaceAll('[\\d-', '[\\d\\-');
}

const model = serviceModel.parse(JSON.parse(readFileSync(source, 'utf8')));
const shapes = Object.fromEntries(
  Object.entries(model.shapes).map(([name, { members, member, pattern, ...facts }]) => {
    const javaScript = pattern === undefined ? undefined : (REWRITTEN[name] ?? forJavaScript(pattern));
    if (javaScript !== undefined) new RegExp(`^(?:${javaScript})$`, 'u');
    const names = members === undefined ? undefined : Object.entries(members).map(([key, { shape }]) => [key, shape]);
    return [
      name,
      {
        ...facts,
        ...(names === undefined ? {} : { members: Object.fromEntries(names) as unknown }),
        ...(member === undefined ? {} : { member: member.shape }),
        ...(javaScript === undefined ? {} : { pattern: javaScript }),
      },
    ];
  }),
);
const operations = Object.fromEntries(
  Object.entries(model.operations).map(([name, { input, output, errors, readonly }]) => [
    name,
    {
      input: input.shape,
      output: output?.shape ?? null,
      readonly: readonly ?? false,
      errors: errors.map(({ shape }) => shape),
    },
  ]),
);
const style = await prettier.resolveConfig(target);
const facts = JSON.stringify({ apiVersion: model.metadata.apiVersion, operations, shapes });
writeFileSync(target, await prettier.format(facts, { ...style, filepath: target }));
