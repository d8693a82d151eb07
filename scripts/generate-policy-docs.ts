import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadPolicies } from '../src/policy/catalogue.ts';
import { policyDocs } from './policy-docs.ts';

/** Writes docs/security-policies.md. With --check it writes nothing and exits with 1 where the file is stale. */
const target = fileURLToPath(new URL('../docs/security-policies.md', import.meta.url));
const policies = loadPolicies([fileURLToPath(new URL('../security-policies', import.meta.url))]).all;
const wanted = policyDocs(policies);
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== wanted) {
    console.error('docs/security-policies.md is stale: run node scripts/generate-policy-docs.ts');
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, wanted);
}
