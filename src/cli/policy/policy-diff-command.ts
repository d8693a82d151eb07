import type { Command } from 'commander';
import { diffPolicies, type ListDifference } from '../../policy/diff-policies.ts';
import { addDirectoryOption, namedPolicy, openCatalogue, type DirectoryOptions } from './policy-directories.ts';
import { styled, type Terminal } from '../terminal.ts';

const LIST_TITLES = {
  kex: 'Key exchange methods',
  ciphers: 'Ciphers',
  macs: 'MACs',
  hostKeys: 'Host key algorithms',
} as const;

/** `policy diff A B`. */
export function registerPolicyDiff(policy: Command, terminal: Terminal): void {
  addDirectoryOption(policy.command('diff'))
    .description('show what changes from one policy to another')
    .argument('<from>', 'name of a policy, or a file that ends in .json')
    .argument('<to>', 'the same')
    .option('--json', 'print JSON', false)
    .addHelpText('after', '\nExit code: 0 where they offer the same, 3 where they differ, 1 for an error.')
    .action((from: string, to: string, options: DirectoryOptions & { readonly json: boolean }) => {
      const catalogue = openCatalogue(options);
      const difference = diffPolicies(namedPolicy(catalogue, from), namedPolicy(catalogue, to));
      const { groupExchangeMinBits } = difference;
      const differs = difference.fips !== null || groupExchangeMinBits !== null || difference.lists.length > 0;
      terminal.exit(differs ? 3 : 0);
      if (options.json) {
        terminal.line(JSON.stringify(difference, null, 2));
        return;
      }
      if (!differs) terminal.line(`${difference.from} and ${difference.to} offer the same`);
      if (difference.fips !== null) {
        terminal.line(`FIPS: ${difference.fips.from ? 'yes' : 'no'} → ${difference.fips.to ? 'yes' : 'no'}`);
      }
      if (groupExchangeMinBits !== null) {
        terminal.line(`Group exchange from ${groupExchangeMinBits.from} bits → from ${groupExchangeMinBits.to} bits`);
      }
      for (const list of difference.lists) showList(list, terminal);
    });
}

function showList(difference: ListDifference, terminal: Terminal): void {
  terminal.line(styled(terminal, 'bold', LIST_TITLES[difference.list]));
  for (const name of difference.removed) terminal.line(styled(terminal, 'red', `  - ${name}`));
  for (const name of difference.added) terminal.line(styled(terminal, 'green', `  + ${name}`));
  if (difference.reordered) terminal.line(styled(terminal, 'yellow', '  ~ what both have stands in another order'));
}
