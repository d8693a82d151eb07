import type { Command } from 'commander';
import { processTerminal, type Terminal } from '../terminal.ts';
import { registerPolicyDiff } from './policy-diff-command.ts';
import { registerPolicyExplain } from './policy-explain-command.ts';
import { registerPolicyLint } from './policy-lint-command.ts';
import { registerPolicyList, registerPolicyShow } from './policy-show-command.ts';

/** Adds `policy list|show|diff|lint|explain`. */
export function registerPolicyCommands(program: Command, terminal: Terminal = processTerminal()): void {
  const policy = program.command('policy').description('look at security policies, and at what they mean for a client');
  registerPolicyList(policy, terminal);
  registerPolicyShow(policy, terminal);
  registerPolicyDiff(policy, terminal);
  registerPolicyLint(policy, terminal);
  registerPolicyExplain(policy, terminal);
}
