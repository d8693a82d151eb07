// The model of what changes names. They are the same on both servers: a name operation acts on the open file.
import { meant } from './differences.ts';
import { commit, isStale } from './file-operations.ts';
import { fails, ok, type Outcome, type Rules } from './outcome.ts';
import type { Request } from './request.ts';
import {
  addContent,
  contentOf,
  copyWorld,
  fileOf,
  kindOf,
  locate,
  loseName,
  newId,
  uploadOf,
  uploadsAt,
  type DirectoryNode,
  type FileNode,
  type World,
} from './world.ts';

const UMASK = 0o022;

export function mkdir(given: World, rules: Rules, path: string, mode = 0o777): Outcome[] {
  const world = copyWorld(given);
  const place = locate(world, path);
  if (place.error !== undefined) return [fails(given, rules, place.error)];
  if (place.node !== undefined) return [fails(given, rules, 'EEXIST')];
  const id = newId(world);
  world.nodes.set(id, { kind: 'directory', mode: mode & ~UMASK, entries: new Map() });
  place.parent.entries.set(place.name, id);
  return [ok(world)];
}

export function rmdir(given: World, rules: Rules, path: string): Outcome[] {
  const world = copyWorld(given);
  const place = locate(world, path);
  if (place.error !== undefined) return [fails(given, rules, place.error)];
  if (place.node === undefined) return [fails(given, rules, 'ENOENT')];
  if (place.node.kind === 'file') return [fails(given, rules, 'ENOTDIR', true)];
  if (place.node.entries.size > 0) return [fails(given, rules, 'ENOTEMPTY')];
  place.parent.entries.delete(place.name);
  return [ok(world)];
}

export function remove(given: World, rules: Rules, path: string): Outcome[] {
  const world = copyWorld(given);
  const place = locate(world, path);
  if (place.error !== undefined) return [fails(given, rules, place.error)];
  if (place.node === undefined) return [fails(given, rules, 'ENOENT')];
  if (place.node.kind === 'directory') return [fails(given, rules, 'EISDIR')];
  place.parent.entries.delete(place.name);
  loseName(world, place.id, path);
  return [ok(world)];
}

/** SSH_FXP_RENAME: for files link(2) and unlink(2), for directories rename(2) where the new name is free. */
export function rename(given: World, rules: Rules, path: string, to: string): Outcome[] {
  const world = copyWorld(given);
  const source = locate(world, path);
  if (source.error !== undefined) return [fails(given, rules, source.error)];
  if (source.node === undefined || source.id === undefined) return [fails(given, rules, 'ENOENT')];
  if (path === to && !rules.posix && meant('RENAME onto itself')) return [ok(given)];
  const target = locate(world, to);
  if (target.error !== undefined)
    return [intoItself(given, rules, source.node, path, to) ?? fails(given, rules, target.error)];
  if (target.node !== undefined) return [fails(given, rules, 'EEXIST')];
  const refused = intoItself(given, rules, source.node, path, to);
  if (refused !== undefined) return [refused];
  source.parent.entries.delete(source.name);
  target.parent.entries.set(target.name, source.id);
  markMoved(world, source.node, path, to);
  return [ok(world)];
}

/** rename(2) */
export function posixRename(given: World, rules: Rules, path: string, to: string): Outcome[] {
  const world = copyWorld(given);
  const source = locate(world, path);
  const target = locate(world, to);
  if (source.error !== undefined) return [fails(given, rules, source.error)];
  if (target.error !== undefined) {
    const refused = source.node === undefined ? undefined : intoItself(given, rules, source.node, path, to);
    return [refused ?? fails(given, rules, source.node === undefined ? 'ENOENT' : target.error)];
  }
  if (source.node === undefined || source.id === undefined) return [fails(given, rules, 'ENOENT')];
  if (source.id === target.id) return [ok(given)];
  const refused = intoItself(given, rules, source.node, path, to);
  if (refused !== undefined) return [refused];
  if (path.startsWith(`${to}/`)) return [fails(given, rules, 'ENOTEMPTY')];
  if (target.node !== undefined) {
    if (source.node.kind === 'file' && target.node.kind === 'directory') return [fails(given, rules, 'EISDIR')];
    if (source.node.kind === 'directory' && target.node.kind === 'file') return [fails(given, rules, 'ENOTDIR', true)];
    if (target.node.kind === 'directory' && target.node.entries.size > 0) return [fails(given, rules, 'ENOTEMPTY')];
  }
  source.parent.entries.delete(source.name);
  target.parent.entries.set(target.name, source.id);
  loseName(world, target.id, to);
  markMoved(world, source.node, path, to);
  if (rules.posix) return [ok(world)];
  if (source.node.kind === 'directory' || source.node.committed !== undefined) return [ok(world)];
  // Where both are only open, both are in no store yet.
  if (target.node?.kind !== 'file' || target.node.committed === undefined) return [ok(world)];
  // A new file takes the place of a stored one at once.
  const fresh = source.node.uploads.at(-1);
  const worlds = fresh === undefined || !meant('shared and stored') ? [world] : commit(world, source.id, fresh);
  for (const each of worlds) markMoved(each, fileOf(each, source.id), to, to);
  return (rules.sharesOpenFiles ? worlds : [...worlds, world]).map(ok);
}

function intoItself(
  world: World,
  rules: Rules,
  node: FileNode | DirectoryNode,
  path: string,
  to: string,
): Outcome | undefined {
  if (!to.startsWith(`${path}/`)) return undefined;
  return node.kind === 'directory' ? fails(world, rules, 'EINVAL') : fails(world, rules, 'ENOTDIR');
}

/** What is being written below moves along. */
function markMoved(world: World, node: FileNode | DirectoryNode, from: string, to: string): void {
  if (node.kind === 'file') {
    for (const each of node.uploads) {
      const upload = uploadOf(world, each);
      upload.moved = true;
      if (upload.path === from || upload.path.startsWith(`${from}/`)) upload.path = to + upload.path.slice(from.length);
    }
    return;
  }
  for (const id of node.entries.values()) {
    const child = world.nodes.get(id);
    if (child !== undefined) markMoved(world, child, from, to);
  }
}

/** link(2) */
export function hardlink(given: World, rules: Rules, path: string, to: string): Outcome[] {
  const world = copyWorld(given);
  const source = locate(world, path);
  if (source.error !== undefined) return [fails(given, rules, source.error)];
  if (source.node === undefined || source.id === undefined) return [fails(given, rules, 'ENOENT')];
  const target = locate(world, to);
  if (target.error !== undefined) return [fails(given, rules, target.error)];
  if (target.node !== undefined) return [fails(given, rules, 'EEXIST')];
  if (source.node.kind === 'directory') return [fails(given, rules, 'EPERM')];
  target.parent.entries.set(target.name, source.id);
  const outcomes = [ok(world)];
  const written = versionByName(given, source.id, path);
  if (!rules.posix && written !== undefined && meant('a link to what is written')) {
    // Both names mean the file that is open: what is written so far is in it.
    outcomes.splice(0, 1, ...commit(given, source.id, written).map((each) => ok(named(each, source.id, to))));
  }
  if (!rules.posix && source.node.uploads.length > 0 && meant('a link to what is written')) {
    outcomes.push(fails(given, rules, 'EPERM'), fails(given, rules, 'ENOENT'));
    const apart = linkToCommitted(given, source.id, to);
    if (apart !== undefined) outcomes.push(ok(apart));
  }
  return outcomes;
}

/** What the name means for everybody, of all that is being written there. */
function versionByName(world: World, node: number, path: string): number | undefined {
  return uploadsAt(world, node, path).findLast((id) => {
    const upload = uploadOf(world, id);
    return kindOf(upload) !== 'replacing' && !isStale(fileOf(world, node), upload);
  });
}

function named(given: World, id: number | undefined, to: string): World {
  const world = copyWorld(given);
  const place = locate(world, to);
  if (place.error === undefined && id !== undefined) place.parent.entries.set(place.name, id);
  return world;
}

function linkToCommitted(given: World, id: number, to: string): World | undefined {
  const world = copyWorld(given);
  const { committed } = fileOf(world, id);
  const target = locate(world, to);
  if (committed === undefined || target.error !== undefined) return undefined;
  const copy = newId(world);
  const content = addContent(world, contentOf(world, committed));
  world.nodes.set(copy, { kind: 'file', committed: content, uploads: [] });
  target.parent.entries.set(target.name, copy);
  return world;
}

export function nameOperation(
  world: World,
  rules: Rules,
  request: Extract<Request, { op: 'mkdir' | 'rmdir' | 'remove' | 'rename' | 'posix-rename' | 'hardlink' }>,
): Outcome[] {
  switch (request.op) {
    case 'mkdir':
      return mkdir(world, rules, request.path, request.mode);
    case 'rmdir':
      return rmdir(world, rules, request.path);
    case 'remove':
      return remove(world, rules, request.path);
    case 'rename':
      return rename(world, rules, request.path, request.target);
    case 'posix-rename':
      return posixRename(world, rules, request.path, request.target);
    case 'hardlink':
      return hardlink(world, rules, request.path, request.target);
  }
}
