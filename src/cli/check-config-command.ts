import type { Command } from 'commander';
import { configJsonSchema, loadConfig } from '../config/load.ts';
import { prepareConfig, unusedHostKeys } from '../server/prepared-config.ts';

/** `latticeport check-config FILE` and `latticeport config-schema`. */
export function registerCheckConfigCommand(program: Command): void {
  program
    .command('check-config')
    .description('check a configuration as a start would, without opening a port')
    .argument('[file]', 'the configuration', 'latticeport.json')
    .action((file: string) => {
      const prepared = prepareConfig(loadConfig(file));
      const { policy, hostKeys, users } = prepared;
      const counts = `${counted(hostKeys.length, 'host key')}, ${counted(users.size, 'user')}`;
      process.stdout.write(`${file}: good. Policy ${policy.name}, ${counts}.\n`);
      for (const { file: key, why } of unusedHostKeys(prepared)) {
        process.stdout.write(`Host key ${key} is not used: ${why}.\n`);
      }
      if (users.size === 0) process.stdout.write('Nobody can log in: add "users" (see README.md).\n');
    });
  program
    .command('config-schema')
    .description('print the JSON Schema of the configuration, for editors')
    .action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
