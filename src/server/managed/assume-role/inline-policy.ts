import { SettingRefused } from '../../../management/server-control.ts';
import type { PolicyVariables } from '../session-policy/parse-policy.ts';

/** AWS STS API Reference, AssumeRole: Policy has at most so many characters. */
const MAX_CHARACTERS = 2048;

/** A policy that is nested deeper is none of IAM's. */
const MAX_DEPTH = 16;

/** STS takes no other characters; JSON has another way to write them. */
const UNWELCOME = /[^\x20-\xff]/g;

const VARIABLE = /\$\{transfer:[^}]*\}?/g;

/**
 * The session policy as STS gets it: without white space, with values for `${transfer:…}`. Variables of IAM itself stay. What it
 * says is for STS to judge.
 *
 * @throws SettingRefused for what is no JSON object, for a variable without a value, and for a policy that is too long
 */
export function inlinePolicy(text: string, variables: PolicyVariables): string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refused(`is no JSON: ${(error as Error).message}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw refused('is no JSON object');
  const policy = JSON.stringify(replaced(json, variables, 0)).replaceAll(UNWELCOME, escaped);
  if (policy.length > MAX_CHARACTERS) {
    throw refused(
      `has ${policy.length} characters once its variables have their values: STS takes at most ${MAX_CHARACTERS}`,
    );
  }
  return policy;
}

/** Of one UTF-16 code unit. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function replaced(value: unknown, variables: PolicyVariables, depth: number): unknown {
  if (depth > MAX_DEPTH) throw refused('is nested too deeply');
  if (typeof value === 'string') return value.replaceAll(VARIABLE, (variable) => valueOf(variable, variables));
  if (Array.isArray(value)) return value.map((each) => replaced(each, variables, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each, variables, depth + 1)]));
}

function valueOf(variable: string, variables: PolicyVariables): string {
  const name = /^\$\{transfer:(\w+)\}$/.exec(variable)?.[1] ?? '';
  if (!Object.hasOwn(variables, name)) {
    const known = Object.keys(variables).map((each) => `\${transfer:${each}}`);
    throw refused(
      `the variable ${JSON.stringify(variable.slice(0, 100))} is not known: expected one of ${known.join(', ')}`,
    );
  }
  const value = variables[name as keyof PolicyVariables];
  if (value === null) {
    throw refused(`${variable} has a value only with HomeDirectoryType PATH and a HomeDirectory such as /bucket/home`);
  }
  // A name must become neither a pattern nor a variable of IAM.
  if (/[*?]|\$\{/.test(value)) {
    throw refused(`${variable} is ${JSON.stringify(value)}: a home with *, ? or \${ cannot stand in a policy`);
  }
  return value;
}

function refused(problem: string): SettingRefused {
  return new SettingRefused('Policy', `the session policy cannot be handed to STS: ${problem}`);
}
