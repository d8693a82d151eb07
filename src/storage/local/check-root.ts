import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from './errno.ts';

/**
 * Why the directory `root` cannot be served, in words for the operator; `null` where it can. What is missing may be
 * missing if it can be made; nothing is made here. `written`: whether anybody is to write into it.
 */
export async function rootProblem(root: string, written: boolean): Promise<string | null> {
  for (let place = path.resolve(root); ; place = path.dirname(place)) {
    const isRoot = place === path.resolve(root);
    try {
      if (!(await stat(place)).isDirectory()) return `${quoted(place)} is a file: expected a directory`;
    } catch (error) {
      const code = errnoOf(error);
      // Below a file there is nothing either: the file itself is met on the way up.
      if ((code === 'ENOENT' || code === 'ENOTDIR') && place !== path.dirname(place)) continue;
      return `${quoted(place)} cannot be looked at (${code ?? String(error)})`;
    }
    const refused = isRoot ? await denied(place, constants.R_OK | constants.X_OK) : null;
    if (refused !== null) return `${quoted(place)} cannot be read by ${whoWeAre()} (${refused})`;
    const unwritable = isRoot && !written ? null : await denied(place, constants.W_OK | constants.X_OK);
    if (unwritable === null) return null;
    const why = `${quoted(place)} cannot be written by ${whoWeAre()} (${unwritable})`;
    return isRoot ? why : `${quoted(root)} cannot be made: ${why}`;
  }
}

/** The errno of what is refused, or null. */
async function denied(place: string, mode: number): Promise<string | null> {
  try {
    await access(place, mode);
    return null;
  } catch (error) {
    return errnoOf(error) ?? 'refused';
  }
}

function quoted(place: string): string {
  return JSON.stringify(place);
}

function whoWeAre(): string {
  return process.getuid === undefined ? 'this user' : `user ID ${process.getuid()}`;
}
