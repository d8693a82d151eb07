import type { LoadedConfig } from '../../config/load.ts';
import { clientPqAdvice, clientPqKeyAdvice } from '../../policy/client-pq-advice.ts';
import { nearestNames } from '../../policy/nearest-names.ts';
import {
  requirementFor,
  requirementState,
  type Requirement,
  type RequirementState,
} from '../../policy/post-quantum-requirement.ts';
import { credentialInWords, credentialsOf, type UserCredential } from '../../server/user-credentials.ts';
import { ConfiguredUsers } from '../../server/users.ts';
import { CliError } from '../cli-error.ts';
import { styled, type Style, type Terminal } from '../terminal.ts';

/** What a requirement makes of something. */
interface Judged {
  readonly requirement: Requirement;
  /** `later`: from the date of the requirement on. */
  readonly refused: RequirementState;
}

/** What the settings of a user make of a client, and of each way in which it may log in. */
export interface UserExplanation {
  readonly name: string;
  readonly file: string;
  /** null where there is no key exchange to judge. */
  readonly keyExchange: Judged | null;
  readonly credentials: readonly (UserCredential & Judged)[];
  /** What the client would be told, where something is refused. */
  readonly advice: { readonly keyExchange: string; readonly key: string };
}

/**
 * Judges a client by the settings of a user of the configuration. Throws CliError for a user that is not there or may not
 * log in, ConfigError for users that cannot be read. `now` in milliseconds since the epoch.
 */
export function explainUser(
  { config, file }: LoadedConfig,
  name: string,
  client: { readonly version: string; readonly exchange: 'pq-hybrid' | 'classical' | null },
  now: number,
): UserExplanation {
  const user = new ConfiguredUsers(config, file, config.fips === 'required').enabled(name);
  if (user === null) throw new CliError(noSuchUser(name, file, config.users));
  const judge = (requirement: Requirement, meets: boolean): Judged => ({
    requirement,
    refused: meets ? 'never' : requirementState(requirement.value, now),
  });
  const forKey = requirementFor('requirePostQuantumKey', user.settings, config);
  return {
    name,
    file,
    keyExchange:
      client.exchange === null
        ? null
        : judge(requirementFor('requirePostQuantum', user.settings, config), client.exchange === 'pq-hybrid'),
    credentials: credentialsOf(user, config.auth.methods).map((credential) => ({
      ...credential,
      ...judge(forKey, credential.postQuantum),
    })),
    advice: { keyExchange: clientPqAdvice(client.version), key: clientPqKeyAdvice(client.version) },
  };
}

function noSuchUser(name: string, file: string, users: LoadedConfig['config']['users']): string {
  if (users.some((user) => user.name === name)) return `user "${name}" of ${file} is disabled: it may not log in`;
  const nearest = nearestNames(
    name,
    users.map((user) => user.name),
  );
  return `${file} has no user ${JSON.stringify(name)}${nearest.length === 0 ? '' : `; nearest: ${nearest.join(', ')}`}`;
}

/** Whether such a user could not log in with such a client today, whatever it takes to prove who it is. */
export function isRefused({ keyExchange, credentials }: UserExplanation): boolean {
  return keyExchange?.refused === 'now' || credentials.every(({ refused }) => refused === 'now');
}

const STYLES: Readonly<Record<RequirementState, Style>> = { never: 'green', later: 'yellow', now: 'red' };

export function showUser({ name, file, keyExchange, credentials, advice }: UserExplanation, terminal: Terminal): void {
  terminal.line();
  terminal.line(`${styled(terminal, 'bold', `User ${name}`)} of ${file}`);
  const line = (what: string, judged: Judged): void => {
    terminal.line(`  ${what}: ${styled(terminal, STYLES[judged.refused], inWords(judged))}`);
  };
  if (keyExchange !== null) {
    line('the key exchange', keyExchange);
    if (keyExchange.refused !== 'never') terminal.line(`    the client is told: ${advice.keyExchange}`);
  }
  for (const credential of credentials) {
    line(credentialInWords(credential), credential);
  }
  if (credentials.some(({ refused }) => refused !== 'never')) terminal.line(`    the client is told: ${advice.key}`);
}

function inWords({ requirement: { setting, setBy, value }, refused }: Judged): string {
  const by = `by ${setting} of the ${setBy}`;
  if (refused === 'now') return typeof value === 'object' ? `refused since ${value.from}, ${by}` : `refused, ${by}`;
  if (refused === 'later' && typeof value === 'object') return `let in; refused from ${value.from} on, ${by}`;
  return 'let in';
}
