import { InvalidArgumentError } from 'commander';
import type { Tag } from '../../state/records.ts';
import { CliError } from '../cli-error.ts';
import { readText } from './api-options.ts';

/** `KEY=VALUE` as a tag; the value may be empty and may have more equals signs. For commander, repeated. */
export function parseTag(text: string, before: readonly Tag[]): readonly Tag[] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('expected KEY=VALUE');
  return [...before, { Key: text.slice(0, equals), Value: text.slice(equals + 1) }];
}

/** `ENTRY=TARGET` as a mapping: `/in=/bucket/acme`. For commander, repeated. */
export function parseMapping(
  text: string,
  before: readonly { Entry: string; Target: string }[],
): readonly { Entry: string; Target: string }[] {
  const [, Entry, Target] = /^(\/[^=]*)=(\/.*)$/.exec(text) ?? [];
  if (Entry === undefined || Target === undefined) {
    throw new InvalidArgumentError('expected ENTRY=TARGET, such as /in=/bucket/acme');
  }
  return [...before, { Entry, Target }];
}

/** `UID:GID[,GID...]` as a POSIX profile. */
export function parsePosix(text: string): { Uid: number; Gid: number; SecondaryGids?: number[] } {
  const match = /^(\d{1,10}):(\d{1,10})((?:,\d{1,10})*)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('expected UID:GID or UID:GID,GID...');
  const more = (match[3] ?? '').split(',').filter((gid) => gid !== '');
  return { Uid: Number(match[1]), Gid: Number(match[2]), ...(more.length > 0 && { SecondaryGids: more.map(Number) }) };
}

/** A TCP port. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535)
    throw new InvalidArgumentError('expected a port, up to 65535');
  return port;
}

/** The members of a request in a file of JSON, with the API's names. Throws CliError. */
export function membersOf(file: string | undefined): Record<string, unknown> {
  if (file === undefined) return {};
  let members: unknown;
  try {
    members = JSON.parse(readText(file));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${file} is no JSON: ${(error as Error).message}`);
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members)) {
    throw new CliError(`${file}: expected an object with the members of the request`);
  }
  return members as Record<string, unknown>;
}

/** Without the members that nobody has given. */
export function given<Members extends object>(
  members: Members,
): { [Name in keyof Members]?: Exclude<Members[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Members]?: Exclude<Members[Name], undefined>;
  };
}
