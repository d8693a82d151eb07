import type { Writable } from 'node:stream';
import { loadConfig } from '../../config/load.ts';
import { openStore } from '../../server/store.ts';
import { viewOf } from '../../server/user-views.ts';
import type { OwnerPolicy } from '../../sftp/attributes.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { storeLine } from '../../telemetry/storage-lines.ts';
import type { UserView } from '../../vfs/user-view.ts';
import { CliError } from '../cli-error.ts';

/**
 * What the user `name` of a configuration file sees of its storage; the home exists. The caller closes the store.
 * @throws ConfigError on a bad file, CliError on a user that it does not have
 */
export async function openConfiguredView(
  file: string,
  name: string | undefined,
  stderr: Writable,
): Promise<{ view: UserView; store: ObjectStore; owners: OwnerPolicy }> {
  const { config } = loadConfig(file);
  const user = config.users.find((each) => each.name === name);
  if (user === undefined) {
    throw new CliError(name === undefined ? 'a configuration needs a user: --user' : `${file} has no user "${name}"`);
  }
  const log = createLogger({ level: 'warn', format: 'json' }, { write: (line) => stderr.write(line) });
  const store = await openStore(config.storage, file, {
    onEvent: (name, fields) => {
      storeLine(log, name, fields);
    },
    onLink: (event) => {
      if (event.kind === 'refused') log.error(event, `no connection to ${event.host}: ${event.problem}`);
    },
  });
  const view = viewOf(user, store);
  await view.prepare();
  return { view, store, owners: config.storage.owners };
}
