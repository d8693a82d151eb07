import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { loadPolicies, loadPolicyFile, type PolicyCatalogue } from '../../policy/catalogue.ts';
import { quoted } from '../../policy/config-error.ts';
import { nearestNames } from '../../policy/nearest-names.ts';
import type { SecurityPolicy } from '../../policy/security-policy.ts';
import { CliError } from '../cli-error.ts';

const BUILT_IN = fileURLToPath(new URL('../../../security-policies', import.meta.url));

export interface DirectoryOptions {
  readonly directory: readonly string[];
}

/** Adds `--directory DIR`, as often as wanted: what `policyDirectories` is in the configuration. */
export function addDirectoryOption(command: Command): Command {
  return command.option(
    '-d, --directory <dir>',
    'another directory with policies (may be repeated)',
    (directory: string, before: readonly string[]) => [...before, directory],
    [],
  );
}

/** The policies that come with the server and those of `--directory`. Throws ConfigError. */
export function openCatalogue(options: DirectoryOptions): PolicyCatalogue {
  return loadPolicies([BUILT_IN, ...options.directory]);
}

/**
 * The policy that an argument names: the name of one in the catalogue, or a file that ends in `.json`. Throws CliError
 * with the nearest names, or ConfigError.
 */
export function namedPolicy(catalogue: PolicyCatalogue, nameOrFile: string): SecurityPolicy {
  const policy = catalogue.get(nameOrFile);
  if (policy !== undefined) return policy;
  if (nameOrFile.endsWith('.json')) return loadPolicyFile(nameOrFile);
  const nearest = nearestNames(
    nameOrFile,
    catalogue.all.map(({ name }) => name),
  );
  throw new CliError(`there is no security policy ${quoted(nameOrFile)}; nearest known: ${nearest.join(', ')}`);
}
