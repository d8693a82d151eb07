import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import prettier from 'prettier';
import { policyJsonSchema } from '../src/policy/policy-schema.ts';

/**
 * Writes security-policies/schema.json from the zod schema. With --check it writes nothing and exits with 1 where the
 * file is stale.
 */
const target = fileURLToPath(new URL('../security-policies/schema.json', import.meta.url));
const wanted = JSON.stringify(policyJsonSchema());
if (process.argv.includes('--check')) {
  if (!isDeepStrictEqual(JSON.parse(readFileSync(target, 'utf8')), JSON.parse(wanted))) {
    console.error('security-policies/schema.json is stale: run node scripts/generate-policy-schema.ts');
    process.exitCode = 1;
  }
} else {
  const style = await prettier.resolveConfig(target);
  writeFileSync(target, await prettier.format(wanted, { ...style, filepath: target }));
}
