import type { Command } from 'commander';
import {
  CIPHER_BY_NAME,
  HOST_KEY_BY_NAME,
  KEX_BY_NAME,
  MAC_BY_NAME,
  type Algorithm,
  type FipsStatus,
  type Verdict,
} from '../../crypto/algorithms/algorithm-table.ts';
import { GEX_METHOD_NAME } from '../../crypto/kex/dh-gex.ts';
import { describeAlgorithm } from '../../policy/describe-algorithm.ts';
import { fipsRules } from '../../policy/fips-rules.ts';
import type { AlgorithmLists, SecurityPolicy } from '../../policy/security-policy.ts';
import { addDirectoryOption, namedPolicy, openCatalogue, type DirectoryOptions } from './policy-directories.ts';
import { styled, writeTable, type Cell, type Style, type Terminal } from '../terminal.ts';

interface OutputOptions extends DirectoryOptions {
  readonly json: boolean;
}

const SECTIONS: readonly {
  readonly list: keyof AlgorithmLists;
  readonly title: string;
  readonly table: ReadonlyMap<string, Algorithm>;
}[] = [
  { list: 'kex', title: 'Key exchange methods', table: KEX_BY_NAME },
  { list: 'ciphers', title: 'Ciphers', table: CIPHER_BY_NAME },
  { list: 'macs', title: 'MACs', table: MAC_BY_NAME },
  { list: 'hostKeys', title: 'Host key algorithms', table: HOST_KEY_BY_NAME },
];

const VERDICT_STYLES: Readonly<Record<Verdict, Style>> = {
  recommended: 'green',
  acceptable: 'cyan',
  legacy: 'yellow',
  weak: 'red',
};

const FIPS_STYLES: Readonly<Record<FipsStatus, Style>> = { approved: 'green', legacy: 'yellow', 'not-approved': 'dim' };

/** `policy list`: one line a policy. */
export function registerPolicyList(policy: Command, terminal: Terminal): void {
  addDirectoryOption(policy.command('list'))
    .description('list the policies: how far they are post-quantum, FIPS, and where they come from')
    .option('--json', 'print JSON', false)
    .action((options: OutputOptions) => {
      const { all } = openCatalogue(options);
      if (options.json) {
        terminal.line(JSON.stringify(all.map(summary), null, 2));
        return;
      }
      const header: Cell[] = ['NAME', 'KEY EXCHANGE', 'FIPS', 'ORIGIN'].map((text) => ({ text, style: 'bold' }));
      writeTable(terminal, [header, ...all.map(listRow)]);
    });
}

/** `policy show NAME`: every algorithm with what is known about it. */
export function registerPolicyShow(policy: Command, terminal: Terminal): void {
  addDirectoryOption(policy.command('show'))
    .description('show what a policy offers, algorithm by algorithm, in the order of preference')
    .argument('<policy>', 'name of a policy, or a file that ends in .json')
    .option('--json', 'print JSON', false)
    .action((name: string, options: OutputOptions) => {
      const shown = namedPolicy(openCatalogue(options), name);
      if (options.json) terminal.line(JSON.stringify(details(shown), null, 2));
      else showPolicy(shown, terminal);
    });
}

function hybridCount(policy: SecurityPolicy): number {
  return policy.algorithms.kex.filter((name) => KEX_BY_NAME.get(name)?.family === 'pq-hybrid').length;
}

function summary(policy: SecurityPolicy): object {
  const hybrids = hybridCount(policy);
  return {
    name: policy.name,
    fips: policy.fips,
    pqHybrids: hybrids,
    classical: policy.algorithms.kex.length - hybrids,
    origin: policy.origin,
    description: policy.description,
    file: policy.file,
  };
}

function listRow(policy: SecurityPolicy): Cell[] {
  const hybrids = hybridCount(policy);
  const classical = policy.algorithms.kex.length - hybrids;
  const kex: Cell =
    hybrids === 0
      ? { text: `classical only (${classical})`, style: 'yellow' }
      : {
          text: classical === 0 ? `PQ only (${hybrids})` : `PQ (${hybrids}), classical (${classical})`,
          style: 'green',
        };
  return [{ text: policy.name }, kex, { text: policy.fips ? 'yes' : 'no' }, { text: policy.origin, style: 'dim' }];
}

function details(policy: SecurityPolicy): object {
  const rows = SECTIONS.map(({ list, table }) => [list, policy.algorithms[list].map((name) => table.get(name))]);
  return {
    ...summary(policy),
    groupExchangeMinBits: policy.groupExchangeMinBits,
    userKeyAlgorithms: fipsRules(policy).userKeyAlgorithms,
    algorithms: Object.fromEntries(rows) as object,
  };
}

function showPolicy(policy: SecurityPolicy, terminal: Terminal): void {
  terminal.line(styled(terminal, 'bold', policy.name));
  if (policy.description !== '') terminal.line(policy.description);
  terminal.line(`FIPS: ${policy.fips ? 'yes' : 'no'}; origin: ${policy.origin === '' ? 'not stated' : policy.origin}`);
  for (const { list, title, table } of SECTIONS) {
    const algorithms = policy.algorithms[list].map((name) => table.get(name)).filter((row) => row !== undefined);
    terminal.line();
    terminal.line(styled(terminal, 'bold', title));
    const header: Cell[] = ['ALGORITHM', 'KIND', 'STRENGTH', 'FIPS', 'VERDICT', 'WHY'].map((text) => ({
      text,
      style: 'dim',
    }));
    writeTable(terminal, [header, ...algorithms.map(algorithmRow)], '  ');
  }
  terminal.line();
  if (policy.algorithms.kex.includes(GEX_METHOD_NAME)) {
    terminal.line(`Group exchange gives out groups of ${policy.groupExchangeMinBits} bits and more.`);
  }
  terminal.line(`User keys sign with ${fipsRules(policy).userKeyAlgorithms.join(', ')}.`);
}

function algorithmRow(algorithm: Algorithm): Cell[] {
  const words = describeAlgorithm(algorithm);
  const isHybrid = algorithm.kind === 'kex' && algorithm.family === 'pq-hybrid';
  return [
    { text: words.name },
    isHybrid ? { text: words.family, style: 'green' } : { text: words.family },
    { text: words.strength },
    { text: words.fips, style: FIPS_STYLES[algorithm.fips] },
    { text: words.verdict, style: VERDICT_STYLES[algorithm.verdict] },
    { text: words.why, style: 'dim' },
  ];
}
