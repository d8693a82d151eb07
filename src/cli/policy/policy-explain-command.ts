import { Option, type Command } from 'commander';
import { loadConfig, type LoadedConfig } from '../../config/load.ts';
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
import { explainUser, isRefused, showUser } from './explain-user.ts';
import { addDirectoryOption, namedPolicy, openCatalogue, type DirectoryOptions } from './policy-directories.ts';
import { styled, type Terminal } from '../terminal.ts';

interface ExplainOptions extends DirectoryOptions {
  readonly client?: string;
  readonly clientHostKeys?: string;
  readonly clientCiphers?: string;
  readonly clientMacs?: string;
  readonly clientPreset?: string;
  readonly hostKeys?: string;
  readonly postQuantum?: PostQuantumSetting;
  readonly config?: string;
  readonly user?: string;
  readonly json: boolean;
}

const DEFAULT_CONFIG = 'latticeport.json';

const EXIT_CODES = `
Exit code: 0 for a post-quantum key exchange, 3 for a classical one, 4 where nothing is common, 5 where the user would be
refused now, 1 for an error.`;

/** `policy explain [NAME] [--config FILE [--user USER]] --client LIST | --client-preset PRESET`. */
export function registerPolicyExplain(policy: Command, terminal: Terminal): void {
  addDirectoryOption(policy.command('explain'))
    .description('show step by step what would be negotiated with a client, why, and what post-quantum would take')
    .argument('[policy]', 'name of a policy, or a file that ends in .json (default: that of --config)')
    .option('--client <list>', "the client's key exchange methods, comma-separated, most preferred first")
    .option('--client-host-keys <list>', "the client's host key algorithms (default: what the policy has)")
    .option('--client-ciphers <list>', "the client's ciphers (default: what the policy has)")
    .option('--client-macs <list>', "the client's MACs (default: what the policy has)")
    .addOption(new Option('--client-preset <preset>', 'a known client').choices(CLIENT_PRESETS.map(({ name }) => name)))
    .addOption(
      new Option('--post-quantum <setting>', 'what the server makes of post-quantum methods, as "postQuantum" says')
        .choices(POST_QUANTUM_SETTINGS)
        .default(undefined, 'that of --config, or insist'),
    )
    .option('-c, --config <file>', `a configuration, for what is not said here (with --user: ./${DEFAULT_CONFIG})`)
    .option('--user <user>', 'say whether this user of the configuration would be refused, and by which setting')
    .option('--host-keys <list>', 'host key algorithms that the server has keys for (default: all of the policy)')
    .option('--json', 'print JSON', false)
    .addHelpText('after', EXIT_CODES)
    .action((name: string | undefined, options: ExplainOptions) => {
      const loaded = configOf(options);
      const explained = policyOf(name, options, loaded);
      const client = clientOf(options, explained.algorithms);
      const hostKeys = explained.algorithms.hostKeys.filter(
        (each) => options.hostKeys === undefined || names(options.hostKeys).includes(each),
      );
      const setting = options.postQuantum ?? loaded?.config.postQuantum ?? 'insist';
      const explanation = explainUnder(setting, { ...explained.algorithms, hostKeys }, client.offer);
      const exchange = explanation.outcome === 'refused' ? null : explanation.pq.result;
      const user =
        loaded === null || options.user === undefined
          ? null
          : explainUser(loaded, options.user, { version: client.version, exchange }, Date.now());
      terminal.exit(user !== null && exchange !== null && isRefused(user) ? 5 : exitCode(explanation));
      if (options.json) {
        const { title, offer } = client;
        const json = {
          policy: explained.name,
          client: { title, offer },
          ...explanation,
          ...(user !== null && { user }),
        };
        terminal.line(JSON.stringify(json, null, 2));
        return;
      }
      show(explained, client.title, explanation, terminal);
      if (user !== null) showUser(user, terminal);
    });
}

function configOf({ config, user }: ExplainOptions): LoadedConfig | null {
  if (config === undefined && user === undefined) return null;
  return loadConfig(config ?? DEFAULT_CONFIG);
}

/** The policy of the argument, or that of the configuration. Throws CliError, ConfigError. */
function policyOf(name: string | undefined, options: ExplainOptions, loaded: LoadedConfig | null): SecurityPolicy {
  if (loaded === null) {
    if (name === undefined) throw new CliError('say which policy: its name, or --config FILE');
    return namedPolicy(openCatalogue(options), name);
  }
  const { config, file } = loaded;
  const catalogue = openCatalogue({ directory: [...config.policyDirectories, ...options.directory] });
  return name === undefined
    ? catalogue.require(config.securityPolicy, file, '$.securityPolicy')
    : namedPolicy(catalogue, name);
}

interface NamedClient {
  readonly title: string;
  /** The identification string; '' where it is not known. */
  readonly version: string;
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
    const title = `${preset.name}: ${preset.version}, ${preset.source}`;
    return { title, version: `SSH-2.0-${preset.version}`, offer: preset.offer };
  }
  const kex = names(options.client ?? '');
  if (kex.length === 0) throw new CliError('say what the client offers: --client LIST or --client-preset PRESET');
  const or = (list: string | undefined, fallback: readonly string[]) => (list === undefined ? fallback : names(list));
  const ciphers = or(options.clientCiphers, policy.ciphers);
  const macs = or(options.clientMacs, policy.macs);
  return {
    title: 'a client that offers what was given here, and otherwise what the policy lists',
    version: '',
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
