import type { Command } from 'commander';
import { writeDescribed, writeList } from './answers.ts';
import type { ManagementApi } from './api-client.ts';
import { addApiOptions, type ApiOptions } from './api-options.ts';
import { withApi, type CommandContext } from './command-context.ts';

/** Adds `security-policy list|describe`: what a running installation has. `policy` reads files. */
export function registerSecurityPolicyCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const policy = program
    .command('security-policy')
    .description('the security policies of a running installation, through the management API');

  addApiOptions(policy.command('list'))
    .description('list the names of the policies')
    .action((options: ApiOptions) =>
      withApi(context, options, async (api) => {
        const names = await listSecurityPolicies(api);
        writeList(terminal, options, names, [['SECURITY POLICY', (name) => name]], 'there are no policies');
      }),
    );

  addApiOptions(policy.command('describe'))
    .description('show the algorithms of a policy')
    .argument('<policy>', 'its name')
    .action((SecurityPolicyName: string, options: ApiOptions) =>
      withApi(context, options, async (api) => {
        const { SecurityPolicy = {} } = await api.call((transfer) =>
          transfer.describeSecurityPolicy({ SecurityPolicyName }),
        );
        writeDescribed(terminal, options, SecurityPolicy);
      }),
    );
}

/** The names of all policies that the installation has. Throws CliError. */
export function listSecurityPolicies(api: ManagementApi): Promise<string[]> {
  return api.all(async (transfer, NextToken) => {
    const answer = await transfer.listSecurityPolicies({ NextToken });
    return { items: answer.SecurityPolicyNames, next: answer.NextToken };
  });
}
