import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { policyDocs } from '../../scripts/policy-docs.ts';
import { policyJsonSchema } from '../../src/policy/policy-schema.ts';
import { BUILT_IN, builtIn } from './policy-files.ts';

test('security-policies/schema.json is what scripts/generate-policy-schema.ts writes', () => {
  expect(JSON.parse(readFileSync(join(BUILT_IN, 'schema.json'), 'utf8'))).toEqual(
    JSON.parse(JSON.stringify(policyJsonSchema())),
  );
});

test('docs/security-policies.md is what scripts/generate-policy-docs.ts writes', () => {
  const file = resolve(import.meta.dirname, '../../docs/security-policies.md');
  expect(readFileSync(file, 'utf8')).toBe(policyDocs(builtIn.all));
});
