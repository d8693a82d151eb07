import { isIP, isIPv6 } from 'node:net';
import { z } from 'zod';
import { SettingRefused } from '../../../management/server-control.ts';
import { AddressNetworks } from '../../address-networks.ts';
import { globPattern, type GlobPattern } from './glob.ts';

/** What a condition is asked with. */
export interface ConditionContext {
  /** Of a listing; undefined for everything else. */
  readonly prefix: string | undefined;
  /** Undefined where it is not known any more. */
  readonly sourceIp: string | undefined;
}

export type Condition = (context: ConditionContext) => boolean;

export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly concerns: (action: string) => boolean;
  readonly resources: readonly GlobPattern[];
  /** All of them must hold. */
  readonly conditions: readonly Condition[];
}

/** A session policy of the subset of IAM that is evaluated here. */
export interface SessionPolicy {
  readonly statements: readonly Statement[];
  /** Whether a condition asks where the client is. */
  readonly asksForSource: boolean;
}

/** What stands for `${transfer:…}`; null for what the user does not have. */
export interface PolicyVariables {
  readonly UserName: string;
  readonly HomeBucket: string | null;
  readonly HomeFolder: string | null;
  readonly HomeDirectory: string | null;
}

const oneOrMore = <Item extends z.ZodType>(item: Item) =>
  z.union([item.transform((value) => [value]), z.array(item).min(1)]);

const statementSchema = z
  .strictObject({
    Sid: z.string().optional(),
    Effect: z.enum(['Allow', 'Deny']),
    Action: oneOrMore(z.string()).optional(),
    NotAction: oneOrMore(z.string()).optional(),
    Resource: oneOrMore(z.string()),
    Condition: z
      .record(z.string(), z.record(z.string(), oneOrMore(z.union([z.string(), z.boolean().transform(String)]))))
      .default({}),
  })
  .refine(({ Action, NotAction }) => (Action === undefined) !== (NotAction === undefined), {
    error: 'expected either Action or NotAction',
  });

const policySchema = z.strictObject({
  Version: z.enum(['2012-10-17', '2008-10-17']).optional(),
  Id: z.string().optional(),
  Statement: oneOrMore(statementSchema),
});

const VARIABLE = /\$\{[^}]*\}?/g;

/** @throws SettingRefused, which names what cannot be evaluated here */
export function parseSessionPolicy(text: string, variables: PolicyVariables): SessionPolicy {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refused(`is no JSON: ${(error as Error).message}`);
  }
  const parsed = policySchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refused(`${(issue?.path ?? []).map(String).join('.') || 'policy'}: ${issue?.message ?? 'cannot be used'}`);
  }
  const statements = parsed.data.Statement.map((each) => statementOf(each, (word) => replaced(word, variables)));
  const conditions = parsed.data.Statement.flatMap(({ Condition: found }) => Object.values(found));
  const keys = conditions.flatMap((each) => Object.keys(each));
  return { statements, asksForSource: keys.some((key) => key.toLowerCase() === 'aws:sourceip') };
}

function statementOf(
  { Effect, Action, NotAction, Resource, Condition: found }: z.output<typeof statementSchema>,
  replace: (word: string) => string,
): Statement {
  const actions = (Action ?? NotAction ?? []).map((action) => {
    if (action !== '*' && !/^[a-z0-9-]+:[a-z0-9*?]+$/i.test(action)) throw refused(`${quoted(action)} is no action`);
    return globPattern(action.toLowerCase());
  });
  const isListed = NotAction === undefined;
  return {
    effect: Effect,
    concerns: (action) => actions.some((pattern) => pattern.matches(action.toLowerCase())) === isListed,
    resources: Resource.map((resource) => {
      if (resource === '*' || resource.startsWith('arn:')) return globPattern(replace(resource));
      throw refused(`${quoted(resource)} is no resource: expected an ARN such as arn:aws:s3:::bucket/*`);
    }),
    conditions: Object.entries(found).flatMap(([operator, byKey]) =>
      Object.entries(byKey).map(([key, values]) => conditionOf(operator, key, values.map(replace))),
    ),
  };
}

/** What an operator compares, and how; a value that is not known fits nothing. */
const OPERATORS: Readonly<
  Record<string, { readonly key: string; readonly compare: (values: readonly string[]) => Condition }>
> = {
  StringEquals: { key: 's3:prefix', compare: (values) => (context) => isOneOf(context.prefix, values) },
  StringNotEquals: { key: 's3:prefix', compare: (values) => (context) => !isOneOf(context.prefix, values) },
  StringLike: { key: 's3:prefix', compare: likeOneOf },
  StringNotLike: { key: 's3:prefix', compare: (values) => not(likeOneOf(values)) },
  IpAddress: { key: 'aws:SourceIp', compare: inOneOf },
  NotIpAddress: { key: 'aws:SourceIp', compare: (values) => not(inOneOf(values)) },
  // SSH is what the condition asks for: nobody listens in.
  Bool: { key: 'aws:SecureTransport', compare: (values) => () => values.some((value) => /^true$/i.test(value)) },
};

function conditionOf(operator: string, key: string, values: readonly string[]): Condition {
  const known = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
  if (known === undefined) {
    throw refused(`the condition ${quoted(operator)} is not supported: expected ${Object.keys(OPERATORS).join(', ')}`);
  }
  if (known.key.toLowerCase() !== key.toLowerCase()) {
    throw refused(`${operator} of ${quoted(key)} is not supported: expected ${known.key}`);
  }
  return known.compare(values);
}

function isOneOf(value: string | undefined, values: readonly string[]): boolean {
  return value !== undefined && values.includes(value);
}

function likeOneOf(values: readonly string[]): Condition {
  const patterns = values.map(globPattern);
  return ({ prefix }) => prefix !== undefined && patterns.some((pattern) => pattern.matches(prefix));
}

function inOneOf(values: readonly string[]): Condition {
  const networks = new AddressNetworks();
  for (const value of values) {
    const [address = '', bits] = value.split('/');
    const most = isIPv6(address) ? 128 : 32;
    const length = bits === undefined ? most : Number(bits);
    if (isIP(address) === 0 || !/^\d{1,3}$/.test(bits ?? '0') || length > most) {
      throw refused(`${quoted(value)} is no network: expected one such as 192.0.2.0/24`);
    }
    networks.add(address, length);
  }
  return ({ sourceIp }) => networks.has(sourceIp ?? '');
}

function not(condition: Condition): Condition {
  return (context) => !condition(context);
}

function replaced(word: string, variables: PolicyVariables): string {
  return word.replaceAll(VARIABLE, (variable) => {
    const name = /^\$\{transfer:(\w+)\}$/.exec(variable)?.[1] ?? '';
    if (!Object.hasOwn(variables, name)) {
      const known = Object.keys(variables).map((each) => `\${transfer:${each}}`);
      throw refused(`the variable ${quoted(variable)} is not supported: expected one of ${known.join(', ')}`);
    }
    const value = variables[name as keyof PolicyVariables];
    if (value === null) {
      throw refused(
        `${variable} has a value only with HomeDirectoryType PATH and a HomeDirectory such as /bucket/home`,
      );
    }
    // A name must not become a pattern.
    if (/[*?]/.test(value))
      throw refused(`${variable} is ${quoted(value)}: a home with * or ? cannot stand in a policy`);
    return value;
  });
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

function refused(problem: string): SettingRefused {
  return new SettingRefused('Policy', `the session policy cannot be used: ${problem}`);
}
