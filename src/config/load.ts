import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../policy/config-error.ts';
import { resolveApiListen } from './api-tls.ts';
import { describeIssue } from './describe-issue.ts';
import { openSecrets } from './open-secrets.ts';
import { resolveStateKeys } from './state-keys.ts';
import type { Config, ManagementConfig, MetricsConfig, StorageConfig } from './schema.ts';
import { configSchema } from './schema.ts';

/** A validated configuration; relative paths in it have been resolved against the file's folder. */
export interface LoadedConfig {
  readonly config: Config;
  /** The file, for messages. */
  readonly file: string;
  /** What does not stop a start, and should be looked at. */
  readonly warnings: readonly ConfigError[];
  /**
   * Whether it describes a server of its own, as it must where it has no `management`. Where not, its host keys and users are
   * none, and its storage stands for nothing.
   */
  readonly describesServer: boolean;
}

/** Reads, parses, validates. Throws ConfigError that names the file, the JSON path and what was expected. */
export function loadConfig(file: string): LoadedConfig {
  let text: string;
  let mode: number;
  try {
    text = readFileSync(file, 'utf8');
    ({ mode } = statSync(file));
  } catch (error) {
    throw new ConfigError(file, '$', `cannot be read: ${(error as Error).message}`);
  }
  const loaded = parseConfig(text, file);
  return { ...loaded, warnings: [...loaded.warnings, ...openSecrets(loaded.config, file, mode)] };
}

export function parseConfig(text: string, file: string): LoadedConfig {
  let json: unknown;
  try {
    // Some editors of Windows begin a file with a byte order mark.
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new ConfigError(file, '$', `not valid JSON: ${(error as Error).message}`);
  }
  const managedOnly = isManagedOnly(json);
  const result = configSchema.safeParse(managedOnly ? Object.assign({}, json, NO_SERVER) : json);
  if (!result.success) throw schemaError(file, result.error, json);
  const config = resolvePaths(result.data, path.dirname(path.resolve(file)));
  return {
    config: managedOnly ? { ...config, hostKeys: [] } : config,
    ...{ file, warnings: [], describesServer: !managedOnly },
  };
}

/** What a server of the file needs, for a file that describes none. */
const NO_SERVER = { hostKeys: ['none'], storage: { type: 'memory' } } as const;

/** Whether all servers are made by the management API: the file has nothing that only a server of its own has. */
function isManagedOnly(json: unknown): boolean {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || !('management' in json)) return false;
  return !['hostKeys', 'storage', 'users'].some((setting) => setting in json);
}

/** The JSON Schema that editors use; `$schema` in a configuration may point to it. */
export function configJsonSchema(): Record<string, unknown> {
  const { required: _, ...schema } = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  return {
    ...schema,
    // A server of the file, or servers that are made while it runs, or both.
    anyOf: [{ required: ['hostKeys', 'storage'] }, { required: ['management'] }],
    title: 'Latticeport configuration',
  };
}

function schemaError(file: string, error: z.ZodError, json: unknown): ConfigError {
  const problems = error.issues.map((issue) => describeIssue(issue, json, configSchema));
  const [first = { jsonPath: '$', problem: 'invalid' }, ...others] = problems;
  return new ConfigError(file, first.jsonPath, first.problem, others);
}

function resolvePaths(config: Config, folder: string): Config {
  const absolute = (name: string): string => path.resolve(folder, name);
  return {
    ...config,
    hostKeys: config.hostKeys.map(absolute),
    hostCertificates: config.hostCertificates.map(absolute),
    ...(config.hostKeyPassphraseFile !== undefined && {
      hostKeyPassphraseFile: absolute(config.hostKeyPassphraseFile),
    }),
    policyDirectories: config.policyDirectories.map(absolute),
    auth: { ...config.auth, revokedKeys: config.auth.revokedKeys.map(absolute) },
    users: config.users.map((user) =>
      user.passwordHashFile === undefined ? user : { ...user, passwordHashFile: absolute(user.passwordHashFile) },
    ),
    storage: resolveStorage(config.storage, absolute),
    ...(config.metrics !== undefined && { metrics: resolveMetrics(config.metrics, absolute) }),
    ...(config.management !== undefined && { management: resolveManagement(config.management, absolute) }),
  };
}

function resolveManagement(management: ManagementConfig, absolute: Resolve): ManagementConfig {
  const { state, storages } = management;
  const resolved = Object.entries(storages).map(
    ([name, storage]) => [name, resolveStorage(storage, absolute)] as const,
  );
  return {
    ...management,
    listen: resolveApiListen(management, absolute),
    state: state.type === 'sqlite' ? { ...state, file: absolute(state.file) } : state,
    ...resolveStateKeys(management, absolute),
    storages: Object.fromEntries(resolved),
  };
}

type Resolve = (name: string) => string;

function resolveStorage(storage: StorageConfig, absolute: Resolve): StorageConfig {
  switch (storage.type) {
    case 'local':
      return { ...storage, root: absolute(storage.root) };
    case 's3': {
      const { spoolDirectory, tls } = storage;
      const { postQuantum, ...files } = tls;
      return {
        ...storage,
        ...(spoolDirectory !== undefined && { spoolDirectory: absolute(spoolDirectory) }),
        tls: { postQuantum, ...resolveAll(files, absolute) },
      };
    }
    case 'memory':
      return storage;
  }
}

function resolveMetrics({ tls, ...settings }: MetricsConfig, absolute: Resolve): MetricsConfig {
  if (tls === undefined) return settings;
  const { postQuantum, ...files } = tls;
  return { ...settings, tls: { postQuantum, ...resolveAll(files, absolute) } };
}

/** Every value is the name of a file. */
function resolveAll<Files extends Readonly<Record<string, string | undefined>>>(
  files: Files,
  absolute: Resolve,
): Files {
  const resolved = Object.entries(files).map(([setting, file]) => [
    setting,
    file === undefined ? file : absolute(file),
  ]);
  return Object.fromEntries(resolved) as Files;
}
