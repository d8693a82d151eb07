import { quoted } from '../../../policy/config-error.ts';
import { CliError } from '../../cli-error.ts';
import { readText } from '../api-options.ts';

/** A description as Transfer Family gave it: members by the API's names. */
export type Described = Readonly<Record<string, unknown>>;

/** What the files say. */
export interface TransferDocuments {
  readonly servers: readonly { readonly serverId: string; readonly described: Described }[];
  readonly users: readonly { readonly serverId: string; readonly userName: string; readonly described: Described }[];
  /** How many host keys are described. They have no private part. */
  readonly hostKeys: number;
}

/**
 * Reads what `aws transfer describe-server`, `describe-user` and `describe-host-key` have printed: a file holds one answer, an
 * array of them, or several after each other, as a loop of a shell leaves them. Throws CliError that names the file.
 */
export function readTransferDocuments(files: readonly string[]): TransferDocuments {
  const servers = new Map<string, TransferDocuments['servers'][number]>();
  const users = new Map<string, TransferDocuments['users'][number]>();
  let hostKeys = 0;
  for (const file of files) {
    for (const answer of jsonValues(readText(file), file).flat()) {
      if (!isObject(answer)) throw new CliError(`${file}: ${EXPECTED}`);
      const { Server, User, HostKey } = answer;
      if (isObject(Server)) {
        const serverId = nameIn(Server, 'ServerId', file);
        servers.set(serverId, { serverId, described: Server });
      } else if (isObject(User)) {
        const serverId = nameIn(answer, 'ServerId', file);
        const userName = nameIn(User, 'UserName', file);
        users.set(JSON.stringify([serverId, userName]), { serverId, userName, described: User });
      } else if (isObject(HostKey)) {
        hostKeys++;
      } else {
        const found = Object.keys(answer).slice(0, 5).map(quoted).join(', ');
        throw new CliError(`${file}: ${EXPECTED}, found ${found === '' ? 'an empty object' : found}`);
      }
    }
  }
  return { servers: [...servers.values()], users: [...users.values()], hostKeys };
}

const EXPECTED = 'expected what aws transfer describe-server or describe-user prints as JSON';

export function isObject(value: unknown): value is Described {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nameIn(object: Described, member: string, file: string): string {
  const name = object[member];
  if (typeof name !== 'string' || name === '') throw new CliError(`${file}: ${EXPECTED}; ${member} is missing`);
  return name;
}

/** The values of JSON that stand in `text` one after the other. */
function jsonValues(text: string, file: string): unknown[] {
  const bare = text.replace(/^\uFEFF/, '');
  try {
    return [JSON.parse(bare)];
  } catch (error) {
    const several = splitDocuments(bare);
    if (several.length < 2) throw new CliError(`${file} is no JSON: ${(error as Error).message}`);
    return several.map((document, index) => {
      try {
        return JSON.parse(document) as unknown;
      } catch (inDocument) {
        throw new CliError(`${file}: its value ${index + 1} is no JSON: ${(inDocument as Error).message}`);
      }
    });
  }
}

/** Cuts `text` after each bracket that closes the outermost one; brackets in strings do not count. */
function splitDocuments(text: string): string[] {
  const documents: string[] = [];
  let start = 0;
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    if (depth !== 0 || token.startsWith('"')) continue;
    documents.push(text.slice(start, index + 1));
    start = index + 1;
  }
  if (text.slice(start).trim() !== '') documents.push(text.slice(start));
  return documents;
}
