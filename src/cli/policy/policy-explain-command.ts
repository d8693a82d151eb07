import { Option, type Command } from 'commander';
import type { KexInit } from '../../negotiation/kexinit.ts';
import { CLIENT_PRESETS, findClientPreset } from '../../policy/client-presets.ts';
import {
  explainUnder,
  type NegotiationExplanation,
  type SettingExplanation,
} from '../../policy/explain-negotiation.ts';
import { POST_QUANTUM_SETTINGS, type PostQuantumSetting } from '../../policy/post-quantum-setting.ts';
import type { AlgorithmLists, SecurityPolicy } from '../../policy/security-policy.ts';
import { CliError } from '../cli-error.ts';
import { addDirectoryOption, namedPolicy, openCatalogue, type DirectoryOptions } from './policy-directories.ts';
import { styled, type Terminal } from '../terminal.ts';

interface ExplainOptions extends DirectoryOptions {
  readonly client?: string;
  readonly clientHostKeys?: string;
  readonly clientCiphers?: string;
  readonly clientMacs?: string;
  readonly clientPreset?: string;
  readonly hostKeys?: string;
  readonly postQuantum: PostQuantumSetting;
  readonly json: boolean;
}

const EXIT_CODES = `
Exit code: 0 for a post-quantum key exchange, 3 for a classical one, 4 where nothing is common, 1 for an error.`;

/** `policy explain NAME --client LIST | --client-preset PRESET`. */
export function registerPolicyExplain(policy: Command, terminal: Terminal): void {
  addDirectoryOption(policy.command('explain'))
    .description('show step by step what would be negotiated with a client, why, and what post-quantum would take')
    .argument('<policy>', 'name of a policy, or a file that ends in .json')
    .option('--client <list>', "the client's key exchange methods, comma-separated, most preferred first")
    .option('--client-host-keys <list>', "the client's host key algorithms (default: what the policy has)")
    .option('--client-ciphers <list>', "the client's ciphers (default: what the policy has)")
    .option('--client-macs <list>', "the client's MACs (default: what the policy has)")
    .addOption(new Option('--client-preset <preset>', 'a known client').choices(CLIENT_PRESETS.map(({ name }) => name)))
    .addOption(
      new Option('--post-quantum <setting>', 'what the server makes of post-quantum methods, as "postQuantum" says')
        .choices(POST_QUANTUM_SETTINGS)
        .default('insist'),
    )
    .option('--host-keys <list>', 'host key algorithms that the server has keys for (default: all of the policy)')
    .option('--json', 'print JSON', false)
    .addHelpText('after', EXIT_CODES)
    .action((name: string, options: ExplainOptions) => {
      const explained = namedPolicy(openCatalogue(options), name);
      const client = clientOf(options, explained.algorithms);
      const hostKeys = explained.algorithms.hostKeys.filter(
        (each) => options.hostKeys === undefined || names(options.hostKeys).includes(each),
      );
      const explanation = explainUnder(options.postQuantum, { ...explained.algorithms, hostKeys }, client.offer);
      terminal.exit(exitCode(explanation));
      if (options.json) terminal.line(JSON.stringify({ policy: explained.name, client, ...explanation }, null, 2));
      else show(explained, client.title, explanation, terminal);
    });
}

interface NamedClient {
  readonly title: string;
  readonly offer: KexInit;
}

function names(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** The client that the options describe. Throws CliError unless exactly one of --client and --client-preset is given. */
function clientOf(options: ExplainOptions, policy: AlgorithmLists): NamedClient {
  const lists = [options.client, options.clientHostKeys, options.clientCiphers, options.clientMacs];
  if (options.clientPreset !== undefined) {
    if (lists.some((list) => list !== undefined))
      throw new CliError('--client-preset and --client… exclude each other');
    const preset = findClientPreset(options.clientPreset);
    if (preset === undefined) throw new CliError(`there is no client preset ${options.clientPreset}`);
    return { title: `${preset.name}: ${preset.version}, ${preset.source}`, offer: preset.offer };
  }
  const kex = names(options.client ?? '');
  if (kex.length === 0) throw new CliError('say what the client offers: --client LIST or --client-preset PRESET');
  const or = (list: string | undefined, fallback: readonly string[]) => (list === undefined ? fallback : names(list));
  const ciphers = or(options.clientCiphers, policy.ciphers);
  const macs = or(options.clientMacs, policy.macs);
  return {
    title: 'a client that offers what was given here, and otherwise what the policy lists',
    offer: {
      kex,
      hostKeys: or(options.clientHostKeys, policy.hostKeys),
      ciphersClientToServer: ciphers,
      ciphersServerToClient: ciphers,
      macsClientToServer: macs,
      macsServerToClient: macs,
      compressionClientToServer: ['none'],
      compressionServerToClient: ['none'],
      firstKexPacketFollows: false,
    },
  };
}

function exitCode(explanation: NegotiationExplanation): number {
  if (explanation.outcome === 'refused') return 4;
  return explanation.pq.result === 'pq-hybrid' ? 0 : 3;
}

function show(policy: SecurityPolicy, client: string, explanation: SettingExplanation, terminal: Terminal): void {
  const { steps, guess, strictKex, pq, setting, insistedOver } = explanation;
  terminal.line(`${styled(terminal, 'bold', policy.name)} with ${client}`);
  steps.forEach((step, index) => {
    terminal.line();
    const chosen = step.ok ? styled(terminal, 'green', step.chosen ?? 'not used') : styled(terminal, 'red', 'no match');
    terminal.line(`${index + 1}. ${step.label}: ${chosen}`);
    terminal.line(`   ${step.why}`);
  });
  terminal.line();
  if (guess.sent) terminal.line(`Guessed packet: ${guess.right ? 'right' : 'wrong'}; ${guess.why}.`);
  terminal.line(`Strict key exchange: ${strictKex ? 'yes' : 'not announced by the client'}.`);
  if (explanation.outcome === 'refused') {
    terminal.line(styled(terminal, 'red', 'The server disconnects with reason 3 (key exchange failed).'));
  }
  terminal.line(styled(terminal, pq.result === 'pq-hybrid' ? 'green' : 'yellow', `Post-quantum: ${pq.summary}.`));
  if (insistedOver !== null) {
    const how = setting === 'require' ? 'requires it' : 'insists on it';
    terminal.line(`The server ${how}: with all methods of the policy the client would come to ${insistedOver}.`);
  }
  for (const change of pq.clientChanges) terminal.line(`  the client could: ${change}`);
  for (const change of pq.serverChanges) terminal.line(`  the server could: ${change}`);
}
