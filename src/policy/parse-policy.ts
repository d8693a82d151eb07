import { z } from 'zod';
import {
  CIPHER_BY_NAME,
  HOST_KEY_BY_NAME,
  KEX_BY_NAME,
  MAC_BY_NAME,
  type Algorithm,
} from '../crypto/algorithms/algorithm-table.ts';
import { GEX_MIN_BITS } from '../crypto/kex/dh-group.ts';
import { ConfigError, jsonPathOf, quoted, type ConfigProblem } from './config-error.ts';
import { fipsObjection } from './fips-rules.ts';
import { nearestNames } from './nearest-names.ts';
import { MAX_POLICY_FILE_BYTES, policyFileSchema, type PolicyFile } from './policy-schema.ts';
import { DEFAULT_HOST_KEY_ALGORITHMS, DEFAULT_PROTOCOLS, type SecurityPolicy } from './security-policy.ts';

/** The four SSH lists of a policy file: key in the file, what a name in it is called, and the table it is looked up in. */
const LISTS = [
  { key: 'SshCiphers', noun: 'cipher', table: CIPHER_BY_NAME },
  { key: 'SshKexs', noun: 'key exchange method', table: KEX_BY_NAME },
  { key: 'SshMacs', noun: 'MAC', table: MAC_BY_NAME },
  { key: 'SshHostKeyAlgorithms', noun: 'host key algorithm', table: HOST_KEY_BY_NAME },
] as const satisfies readonly {
  key: keyof PolicyFile['SecurityPolicy'];
  noun: string;
  table: ReadonlyMap<string, Algorithm>;
}[];

/** More problems of a kind than this are not reported: a hostile file must not flood the log, nor cost much time. */
const MAX_PROBLEMS = 20;

/**
 * Reads one policy file. `text` is its content. Throws ConfigError, and nothing else, for everything that is wrong:
 * not JSON, not the shape, an unknown or unimplemented name, a name twice, an empty list, a cipher that would run
 * without a MAC, a non-approved algorithm in a FIPS policy. All problems of the file are reported at once.
 */
export function parsePolicy(file: string, text: string): SecurityPolicy {
  const raw = parseJson(file, text);
  const parsed = policyFileSchema.safeParse(raw, { reportInput: true });
  if (!parsed.success) {
    const issues = parsed.error.issues.slice(0, MAX_PROBLEMS);
    const [first, ...further] = issues.flatMap((issue) => problemsOfIssue(issue, raw));
    throw new ConfigError(file, first?.jsonPath ?? '$', first?.problem ?? 'is not a policy', further);
  }
  const [first, ...further] = meaningProblems(parsed.data);
  if (first !== undefined) throw new ConfigError(file, first.jsonPath, first.problem, further);

  const policy = parsed.data.SecurityPolicy;
  return Object.freeze({
    name: policy.SecurityPolicyName,
    fips: policy.Fips,
    file,
    description: parsed.data.Description ?? '',
    origin: parsed.data.Origin ?? '',
    algorithms: Object.freeze({
      kex: Object.freeze(policy.SshKexs),
      ciphers: Object.freeze(policy.SshCiphers),
      macs: Object.freeze(policy.SshMacs),
      hostKeys: Object.freeze(policy.SshHostKeyAlgorithms ?? [...DEFAULT_HOST_KEY_ALGORITHMS]),
    }),
    protocols: Object.freeze(policy.Protocols ?? DEFAULT_PROTOCOLS),
    tlsCiphers: Object.freeze(policy.TlsCiphers ?? []),
    groupExchangeMinBits: parsed.data.GroupExchangeMinBits ?? GEX_MIN_BITS,
  });
}

function parseJson(file: string, text: string): unknown {
  if (text.length > MAX_POLICY_FILE_BYTES) {
    throw new ConfigError(file, '$', `is longer than ${MAX_POLICY_FILE_BYTES} bytes`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ConfigError(file, '$', `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Turns one of zod's issues into words that name the offending value and what is near to it. */
function problemsOfIssue(issue: z.core.$ZodIssue, raw: unknown): ConfigProblem[] {
  const jsonPath = jsonPathOf(issue.path);
  const list = LISTS.find(({ key }) => issue.path[0] === 'SecurityPolicy' && issue.path[1] === key);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.slice(0, MAX_PROBLEMS).map((key) => ({
        jsonPath: jsonPathOf([...issue.path, key]),
        problem: `${quoted(key)} is not a key of a policy file; nearest known: ${nearestKeys(issue.path, key)}`,
      }));
    case 'invalid_value':
      if (list !== undefined && typeof issue.input === 'string') {
        return [{ jsonPath, problem: unknownName(issue.input, list) }];
      }
      return [
        {
          jsonPath,
          problem: `${quoted(issue.input)} is not one of ${issue.values.map((each) => quoted(each)).join(', ')}`,
        },
      ];
    case 'too_small':
      if (list?.key === 'SshMacs') return [{ jsonPath, problem: emptyMacs(raw) }];
      return [{ jsonPath, problem: issue.origin === 'array' ? 'the list is empty' : 'is empty' }];
    case 'too_big':
      return [
        { jsonPath, problem: `has more than ${issue.maximum} ${issue.origin === 'array' ? 'names' : 'characters'}` },
      ];
    case 'invalid_format':
      return [
        {
          jsonPath,
          problem: `${quoted(issue.input)} is not a policy name: it begins with a letter or digit, and has no control characters`,
        },
      ];
    case 'invalid_type': {
      if (issue.input === undefined)
        return [{ jsonPath, problem: list?.key === 'SshMacs' ? emptyMacs(raw) : 'is missing' }];
      const wanted =
        issue.expected === 'array' ? 'a list' : issue.expected === 'object' ? 'an object' : `a ${issue.expected}`;
      return [{ jsonPath, problem: `${quoted(issue.input)} where ${wanted} belongs` }];
    }
    default:
      return [{ jsonPath, problem: issue.message }];
  }
}

function nearestKeys(path: readonly PropertyKey[], key: string): string {
  const shape = path[0] === 'SecurityPolicy' ? policyFileSchema.shape.SecurityPolicy.shape : policyFileSchema.shape;
  return nearestNames(key, Object.keys(shape), 2).join(', ');
}

function unknownName(name: string, list: (typeof LISTS)[number]): string {
  const home = LISTS.find(({ table }) => table.has(name));
  if (home !== undefined) return `${quoted(name)} is a ${home.noun}, not a ${list.noun}: it belongs in ${home.key}`;
  const nearest = nearestNames(name, [...list.table.keys()]).join(', ');
  return `${quoted(name)} is not a ${list.noun} that this build implements; nearest known: ${nearest}`;
}

/** What is wrong with a policy without MACs: some of its ciphers would run unauthenticated, or the list is just empty. */
function emptyMacs(raw: unknown): string {
  const ciphers = z.object({ SecurityPolicy: z.object({ SshCiphers: z.array(z.unknown()) }) }).safeParse(raw);
  const needMac = ciphers.success
    ? ciphers.data.SecurityPolicy.SshCiphers.filter(
        (name) => typeof name === 'string' && CIPHER_BY_NAME.get(name)?.aead === false,
      )
    : [];
  if (needMac.length > 0) return `there is no MAC, but ${needMac.join(', ')} would run unauthenticated without one`;
  return 'the list is empty; AES-GCM and ChaCha20-Poly1305 use no MAC, yet many clients insist on a common one';
}

/** What the shape cannot say: names twice, and FIPS. */
function meaningProblems(data: PolicyFile): ConfigProblem[] {
  const policy = data.SecurityPolicy;
  const problems: ConfigProblem[] = [];
  for (const { key, table } of LISTS) {
    const names: readonly string[] = policy[key] ?? [];
    names.forEach((name, index) => {
      const jsonPath = jsonPathOf(['SecurityPolicy', key, index]);
      if (names.indexOf(name) !== index)
        problems.push({ jsonPath, problem: `${quoted(name)} stands twice in the list` });
      const algorithm = table.get(name);
      if (!policy.Fips || algorithm === undefined) return;
      const objection = fipsObjection(policy.SecurityPolicyName, algorithm);
      if (objection === null) return;
      const approved = [...table.values()].filter((row) => row.fips === 'approved').map((row) => row.name);
      problems.push({
        jsonPath,
        problem: `${objection}; nearest approved: ${nearestNames(name, approved).join(', ')}`,
      });
    });
  }
  if (policy.Protocols !== undefined && !policy.Protocols.includes('SFTP')) {
    problems.push({
      jsonPath: '$.SecurityPolicy.Protocols',
      problem: 'does not include "SFTP", the only protocol served',
    });
  }
  return problems;
}
