/** One thing wrong in a JSON file: where (`$.SecurityPolicy.SshKexs[2]`) and what. */
export interface ConfigProblem {
  readonly jsonPath: string;
  readonly problem: string;
}

/**
 * A configuration or policy file that cannot be used: the file, the JSON path of the first problem, and what is wrong
 * in words for the operator. Further problems of the same file are in `problems` and in the message, a line each.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string;
  readonly jsonPath: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, jsonPath: string, message: string, furtherProblems: readonly ConfigProblem[] = []) {
    const problems = [{ jsonPath, problem: message }, ...furtherProblems];
    super(problems.map((each) => `${file}: ${each.jsonPath}: ${each.problem}`).join('\n'));
    this.file = file;
    this.jsonPath = jsonPath;
    this.problems = problems;
  }
}

/** `$`, `.key` for plain keys, `["odd key"]` for others, `[0]` for array elements. */
export function jsonPathOf(path: readonly PropertyKey[]): string {
  let text = '$';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (typeof step === 'string' && /^[A-Za-z_$][\w$]*$/.test(step)) text += `.${step}`;
    else text += `[${JSON.stringify(String(step).slice(0, 100))}]`;
  }
  return text;
}

/** A value from a file as it may stand in a message: JSON, so that control characters are escaped, and bounded. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === undefined) return 'nothing';
  return Array.isArray(value) ? 'a list' : 'an object';
}
