import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, quoted } from './config-error.ts';
import { nearestNames } from './nearest-names.ts';
import { parsePolicy } from './parse-policy.ts';
import { MAX_POLICY_FILE_BYTES } from './policy-schema.ts';
import type { SecurityPolicy } from './security-policy.ts';

/** The published JSON Schema lies in the same directory and is not a policy. */
const NOT_A_POLICY = 'schema.json';

/** What one look at the directories found. */
export interface PolicyChanges {
  /** Policies that are new or different; they are in force for new connections. */
  readonly changed: readonly SecurityPolicy[];
  /** Files that cannot be used; what they held before stays in force. Each problem is reported once. */
  readonly problems: readonly ConfigError[];
}

/** A last word on a policy before it comes into force: a ConfigError that it throws leaves the old one. */
export type AcceptPolicy = (policy: SecurityPolicy) => void;

interface FileState {
  /** Differs whenever the file does; null when the file is gone. */
  readonly signature: string | null;
  /** The last good policy of the file. */
  readonly policy: SecurityPolicy | null;
}

/**
 * The policies of one or several directories, by name. Reading is from memory and always gives a whole, checked policy;
 * `refresh` looks at the disk again.
 */
export class PolicyCatalogue {
  readonly directories: readonly string[];
  readonly #files = new Map<string, FileState>();
  readonly #unreadable = new Map<string, string>();
  readonly #policies = new Map<string, SecurityPolicy>();

  /** An empty catalogue: `loadPolicies` makes a filled one. */
  constructor(directories: readonly string[]) {
    this.directories = directories;
  }

  /** All policies, in the order of their names. */
  get all(): SecurityPolicy[] {
    return [...this.#policies.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  get(name: string): SecurityPolicy | undefined {
    return this.#policies.get(name);
  }

  /**
   * The policy that a configuration names. Throws ConfigError at `jsonPath` of `file`, with the nearest known names,
   * where there is none.
   */
  require(name: string, file: string, jsonPath: string): SecurityPolicy {
    const policy = this.#policies.get(name);
    if (policy !== undefined) return policy;
    const nearest = nearestNames(name, [...this.#policies.keys()]).join(', ');
    throw new ConfigError(file, jsonPath, `there is no security policy ${quoted(name)}; nearest known: ${nearest}`);
  }

  /**
   * Reads the files that are new or changed since the last time. Throws nothing for what it finds on disk: a file that
   * cannot be used, or is gone, leaves its last good policy in force and is reported.
   */
  refresh(accept?: AcceptPolicy): PolicyChanges {
    const changed: SecurityPolicy[] = [];
    const problems: ConfigError[] = [];
    const present = new Set<string>();
    for (const directory of this.directories) {
      const files = this.#list(directory, problems);
      for (const file of files) {
        present.add(file);
        try {
          const policy = this.#readIfChanged(file, problems, accept);
          if (policy !== null) changed.push(policy);
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          problems.push(error);
        }
      }
    }
    for (const [file, { signature, policy }] of this.#files) {
      if (present.has(file) || signature === null) continue;
      this.#files.set(file, { signature: null, policy });
      // Moved to another file, it is in force from there.
      if (policy === null || this.#policies.get(policy.name)?.file !== file) continue;
      problems.push(new ConfigError(file, '$', `is gone; ${staysInForce(policy)}`));
    }
    return { changed, problems };
  }

  #list(directory: string, problems: ConfigError[]): string[] {
    try {
      const names = readdirSync(directory).filter(
        (name) => name.endsWith('.json') && name !== NOT_A_POLICY && !name.startsWith('.'),
      );
      this.#unreadable.delete(directory);
      return names.sort().map((name) => join(directory, name));
    } catch (error) {
      const reason = reasonOf(error);
      if (this.#unreadable.get(directory) !== reason) {
        problems.push(new ConfigError(directory, '$', `the policy directory cannot be read: ${reason}`));
      }
      this.#unreadable.set(directory, reason);
      return [];
    }
  }

  #readIfChanged(file: string, problems: ConfigError[], accept?: AcceptPolicy): SecurityPolicy | null {
    const before = this.#files.get(file);
    // Taken before the content is read: a change in between shows as a new signature the next time.
    const signature = signatureOf(file);
    if (before?.signature === signature) return null;
    const old = before?.policy ?? null;
    // Whatever is wrong with the file is reported once, not at every look.
    this.#files.set(file, { signature, policy: old });

    const policy = loadPolicyFile(file);
    this.#refuseSecondDefinition(policy);
    accept?.(policy);
    this.#files.set(file, { signature, policy });
    this.#policies.set(policy.name, policy);
    if (old !== null && old.name !== policy.name) {
      problems.push(new ConfigError(file, '$', `now defines ${policy.name}; ${staysInForce(old)}`));
    }
    return policy;
  }

  #refuseSecondDefinition(policy: SecurityPolicy): void {
    const other = this.#policies.get(policy.name);
    if (other === undefined || other.file === policy.file) return;
    const state = this.#files.get(other.file);
    // A file that was moved away, or that defines another policy by now, has given the name up.
    if (state === undefined || signatureOf(other.file) === GONE || state.policy?.name !== policy.name) return;
    throw new ConfigError(
      policy.file,
      '$.SecurityPolicy.SecurityPolicyName',
      `${policy.name} is already defined by ${other.file}`,
    );
  }
}

/**
 * Reads every policy of `directories` (files named *.json, but for schema.json and hidden ones). Throws ConfigError for
 * the first file that cannot be used, a directory that cannot be read, and a name that two files define.
 */
export function loadPolicies(directories: readonly string[]): PolicyCatalogue {
  const catalogue = new PolicyCatalogue(directories);
  const [problem] = catalogue.refresh().problems;
  if (problem !== undefined) throw problem;
  return catalogue;
}

/** Reads one policy file. Throws ConfigError. */
export function loadPolicyFile(file: string): SecurityPolicy {
  return parsePolicy(file, readPolicyText(file));
}

const GONE = 'gone';

/** Inode, size and both times in nanoseconds: no edit leaves them all alone. */
function signatureOf(file: string): string {
  try {
    const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? GONE : `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
  } catch (error) {
    return reasonOf(error);
  }
}

function readPolicyText(file: string): string {
  try {
    const stat = statSync(file);
    // A FIFO or device would block or never end.
    if (!stat.isFile()) throw new ConfigError(file, '$', 'is not a regular file');
    if (stat.size > MAX_POLICY_FILE_BYTES) {
      throw new ConfigError(file, '$', `is longer than ${MAX_POLICY_FILE_BYTES} bytes`);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(file, '$', `cannot be read: ${reasonOf(error)}`);
  }
}

function staysInForce(policy: SecurityPolicy): string {
  return `${policy.name} stays in force until the server restarts`;
}

/** "ENOENT: no such file or directory" of the system's message, which goes on with the call and the path. */
function reasonOf(error: unknown): string {
  return String((error as { readonly message?: unknown }).message).replace(/, \w+ '.*$/s, '');
}
