import type { Command } from 'commander';
import { loadPolicyFile } from '../../policy/catalogue.ts';
import { ConfigError } from '../../policy/config-error.ts';
import { lintPolicy } from '../../policy/lint-policy.ts';
import { styled, type Terminal } from '../terminal.ts';

interface LintOptions {
  readonly json: boolean;
  readonly strict: boolean;
}

/** `policy lint FILE`: the checks of loading, plus advice. */
export function registerPolicyLint(policy: Command, terminal: Terminal): void {
  policy
    .command('lint')
    .description('check a policy file as the server does when it loads it, and give advice')
    .argument('<file>', 'the policy file')
    .option('--strict', 'count advice as a failure', false)
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      '\nExit code: 0 where it loads, 1 where it does not, 3 where it loads, has advice, and --strict is given.',
    )
    .action((file: string, options: LintOptions) => {
      const { problems, advice } = lintFile(file);
      if (problems.length > 0) terminal.exit(1);
      else if (advice.length > 0 && options.strict) terminal.exit(3);
      if (options.json) {
        terminal.line(JSON.stringify({ file, loads: problems.length === 0, problems, advice }, null, 2));
        return;
      }
      for (const { jsonPath, problem } of problems) {
        terminal.line(`${styled(terminal, 'red', 'error')}   ${jsonPath}: ${problem}`);
      }
      for (const { jsonPath, problem } of advice) {
        terminal.line(`${styled(terminal, 'yellow', 'advice')}  ${jsonPath}: ${problem}`);
      }
      const verdict =
        problems.length > 0 ? 'the server refuses it' : advice.length > 0 ? 'it loads' : 'it loads, no advice';
      terminal.line(`${file}: ${verdict}`);
    });
}

function lintFile(file: string): Record<'problems' | 'advice', ReturnType<typeof lintPolicy>> {
  try {
    return { problems: [], advice: lintPolicy(loadPolicyFile(file)) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: [...error.problems], advice: [] };
    throw error;
  }
}
