import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { PolicyCatalogue } from './catalogue.ts';
import type { ConfigError } from './config-error.ts';

/**
 * Reads the policies of `directories` for a server that uses the one named `name`. A file that cannot be used, and that
 * another policy is in, is a warning. Throws ConfigError for a directory that cannot be read, and for a file that is, or
 * may be, the policy `name`.
 */
export function loadPoliciesFor(
  name: string,
  directories: readonly string[],
): { catalogue: PolicyCatalogue; warnings: readonly ConfigError[] } {
  const catalogue = new PolicyCatalogue(directories);
  const { problems } = catalogue.refresh();
  const isThere = catalogue.get(name) !== undefined;
  for (const problem of problems) {
    if (directories.includes(problem.file) || mayDefine(problem.file, name, isThere)) throw problem;
  }
  return { catalogue, warnings: problems };
}

/** A file that does not say its name may be meant by it where no other file has it, or where it is named like it. */
function mayDefine(file: string, name: string, isThere: boolean): boolean {
  const defined = nameIn(file);
  return defined === undefined ? !isThere || basename(file) === `${name}.json` : defined === name;
}

function nameIn(file: string): string | undefined {
  try {
    const json = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, '')) as {
      readonly SecurityPolicy?: { readonly SecurityPolicyName?: unknown };
    } | null;
    const name = json?.SecurityPolicy?.SecurityPolicyName;
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}
