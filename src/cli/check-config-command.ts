import type { Command } from 'commander';
import { describeVisibility } from '../config/home-visibility.ts';
import { configJsonSchema, loadConfig, type LoadedConfig } from '../config/load.ts';
import type { ManagementConfig } from '../config/schema.ts';
import { askStorages, checkDistinct } from '../server/managed/managed-storages.ts';
import type { PreparedConfig } from '../server/prepared-config.ts';
import { checkStore, placeInWords, problemInWords } from '../server/store-readiness.ts';
import { checkTls } from '../server/tls-material.ts';
import { CliError } from './cli-error.ts';
import { askForPassphrases } from './host-key-passphrases.ts';
import { checkStateSecrets } from './state/state-secrets.ts';
import { prepareConfig, unusedHostKeys } from '../server/prepared-config.ts';

/** `latticeport check-config FILE` and `latticeport config-schema`. */
export function registerCheckConfigCommand(program: Command): void {
  program
    .command('check-config')
    .description('check a configuration as a start would, without opening a port')
    .argument('[file]', 'the configuration', 'latticeport.json')
    .option('--connect', 'ask the store, too: one request, or a look at the directory')
    .action(async (file: string, { connect = false }: { connect?: boolean }) => {
      const config = loadConfig(file);
      const { management } = config.config;
      if (management !== undefined) await checkManagement(config, management, connect);
      if (!config.describesServer) {
        for (const { message } of config.warnings) process.stdout.write(`Warning: ${message}\n`);
        return;
      }
      const prepared = prepareConfig(config, await askForPassphrases(config));
      const { loaded, policy, hostKeys, users, warnings } = prepared;
      if (connect) await connectStore(prepared);
      const counts = `${counted(hostKeys.length, 'host key')}, ${counted(users.size, 'user')}`;
      process.stdout.write(`${file}: good. Policy ${policy.name}, ${counts}.\n`);
      for (const { message } of warnings) process.stdout.write(`Warning: ${message}\n`);
      for (const { file: key, why } of unusedHostKeys(prepared)) {
        process.stdout.write(`Host key ${key} is not used: ${why}.\n`);
      }
      if (users.size > 0) writeVisibility(describeVisibility(loaded.config.users));
      if (users.size === 0) process.stdout.write('Nobody can log in: add "users" (see README.md).\n');
    });
  program
    .command('config-schema')
    .description('print the JSON Schema of the configuration, for editors')
    .action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
}

/** What a start checks of the section before a port opens; the state is not touched. */
async function checkManagement(loaded: LoadedConfig, management: ManagementConfig, connect: boolean): Promise<void> {
  const { file } = loaded;
  const { listen, storages, roles, state } = management;
  checkDistinct(file, storages);
  checkTls(loaded);
  const warning = checkStateSecrets(file, management);
  for (const { jsonPath, settings, problem } of connect ? await askStorages(file, storages) : []) {
    if (problem !== null) throw new CliError(`${file}: ${jsonPath}: ${problem}; a start would wait for it`);
    process.stdout.write(`${file}: ${placeInWords(settings)} answers.\n`);
  }
  const counts = `${counted(Object.keys(storages).length, 'storage')}, ${counted(roles.length, 'role')}`;
  const where = state.type === 'sqlite' ? state.file : 'PostgreSQL';
  process.stdout.write(
    `${file}: management is good. API on ${listen.host} port ${listen.port}, state in ${where}, ${counts}.\n`,
  );
  if (warning !== null) process.stdout.write(`Warning: ${warning.message}\n`);
}

/** Says that the store works, or throws what is wrong with it. */
async function connectStore({ loaded }: PreparedConfig): Promise<void> {
  const { storage } = loaded.config;
  const problem = await checkStore(loaded);
  if (problem !== null) {
    const where = `${loaded.file}: $.storage.${problem.setting}`;
    throw new CliError(`${where}: ${problemInWords(storage, problem)}; a start would wait for it`);
  }
  process.stdout.write(`${loaded.file}: ${placeInWords(storage)} answers.\n`);
}

/** Who can see whose files: a wrong home is a right configuration all the same. */
function writeVisibility(lines: readonly string[]): void {
  if (lines.length === 0) process.stdout.write('Every user sees files of its own only.\n');
  else process.stdout.write(`Who can see whose files:\n${lines.map((line) => `  ${line}\n`).join('')}`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
