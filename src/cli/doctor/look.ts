import { statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { loadConfig, type LoadedConfig } from '../../config/load.ts';
import type { StorageConfig } from '../../config/schema.ts';
import { ConfigError } from '../../policy/config-error.ts';
import { loadPoliciesFor } from '../../policy/policies-for.ts';
import {
  requirementFor,
  requirementState,
  signsPostQuantum,
  type RequirementSetting,
  type RequirementSettings,
} from '../../policy/post-quantum-requirement.ts';
import type { SecurityPolicy } from '../../policy/security-policy.ts';
import { loadHostKeys } from '../../server/host-keys.ts';
import { policyDirectories } from '../../server/prepared-config.ts';
import { credentialsOf } from '../../server/user-credentials.ts';
import { ConfiguredUsers } from '../../server/users.ts';
import { LoginSightings } from '../../telemetry/login-sightings.ts';
import { readLogLines } from '../report/log-lines.ts';
import { refusedOn } from '../report/would-be-refused.ts';
import type { Facts, HostKeyFacts, LinkFacts, LogFacts, RequirementFacts, UserFacts } from './facts.ts';

/** What is looked at, and with what. */
export interface Look {
  /** The configuration. */
  readonly file: string;
  readonly logs: readonly string[];
  readonly stdin: Readable;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Looks at the way to the store of the configuration `file`. Rejects with ConfigError only. */
  readonly inspectLink: (storage: StorageConfig, file: string) => Promise<LinkFacts>;
}

/** Reads the configuration and what it names, the logs, and asks the store. Rejects with ConfigError or CliError. */
export async function look({ file, logs, stdin, now, inspectLink }: Look): Promise<Facts> {
  const loaded = loadConfig(file);
  const { config } = loaded;
  const { catalogue } = loadPoliciesFor(config.securityPolicy, policyDirectories(config));
  const policy = catalogue.require(config.securityPolicy, file, '$.securityPolicy');
  const requirement = (setting: RequirementSetting, user: RequirementSettings): RequirementFacts => {
    const found = requirementFor(setting, user, config);
    return { ...found, state: requirementState(found.value, now) };
  };
  const requirements = (user: RequirementSettings) => ({
    exchange: requirement('requirePostQuantum', user),
    key: requirement('requirePostQuantumKey', user),
  });
  return {
    file,
    config,
    policy,
    server: requirements({}),
    users: usersOf(loaded, requirements),
    hostKeys: config.hostKeys.map((keyFile, index) => hostKeyFacts(loaded, policy, keyFile, index)),
    storage: await inspectLink(config.storage, file),
    log: logs.length === 0 ? null : await logFacts(logs, stdin, now),
  };
}

function usersOf(
  { config, file }: LoadedConfig,
  requirements: (user: RequirementSettings) => Pick<UserFacts, 'exchange' | 'key'>,
): UserFacts[] {
  const all = new ConfiguredUsers(config, file, config.fips === 'required');
  const found: UserFacts[] = [];
  for (const [index, settings] of config.users.entries()) {
    const user = all.enabled(settings.name);
    const credentials = user === null ? [] : credentialsOf(user, config.auth.methods);
    if (user === null || credentials.length === 0) continue;
    found.push({ index, name: user.name, ...requirements(settings), credentials });
  }
  return found;
}

function hostKeyFacts(
  { config, file: configFile }: LoadedConfig,
  policy: SecurityPolicy,
  file: string,
  index: number,
): HostKeyFacts {
  try {
    const [key] = loadHostKeys([file], configFile, config.hostKeyPassphraseFile);
    if (key === undefined) throw new Error('one file is one key');
    const { type, signatureAlgorithms } = key.publicKey;
    const listed: readonly string[] = policy.algorithms.hostKeys;
    const used = signatureAlgorithms.filter((name) => listed.includes(name));
    const postQuantum = signatureAlgorithms.some(signsPostQuantum);
    return { index, file, state: 'usable', type, postQuantum, listed: used.length > 0 };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problems } = error;
    // The file is read by itself, as the first of a list of one.
    const jsonPath = error.jsonPath.replace('$.hostKeys[0]', `$.hostKeys[${index}]`);
    const why = problems[0]?.problem ?? error.message;
    return { index, file, state: 'unusable', jsonPath, why, open: isOpen(file) };
  }
}

function isOpen(file: string): boolean {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  return (mode & 0o077) !== 0;
}

async function logFacts(files: readonly string[], stdin: Readable, now: number): Promise<LogFacts> {
  const sightings = new LoginSightings();
  await readLogLines(files, stdin, (line) => {
    sightings.addLine(line);
  });
  const kinds = sightings.lastFirst;
  const sum = (of: typeof kinds): number => of.reduce((total, { count }) => total + count, 0);
  const { partners } = refusedOn(new Date(now).toISOString().slice(0, 10), kinds, null);
  return {
    files,
    logins: sum(kinds),
    postQuantum: sum(kinds.filter(({ kind }) => kind.postQuantumExchange)),
    partners: partners.filter(
      ({ lastSeen, lastPostQuantum }) => lastPostQuantum === null || lastSeen === null || lastPostQuantum <= lastSeen,
    ),
  };
}
