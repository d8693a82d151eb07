// What may be answered to a request in a world, and what the world may be then. For OpenSSH's sftp-server it is one thing,
// and the test fails where the real one does another; for Latticeport it is the same, or one of the differences that are
// meant.
import { meant } from './differences.ts';
import type { AttributesView, Expectation, ListedName } from './expectation.ts';
import {
  close,
  contentsOfWriter,
  copyData,
  disconnect,
  fsetstat,
  handleOf,
  isStale,
  setstat,
  write,
} from './file-operations.ts';
import { nameOperation } from './name-operations.ts';
import { fails, ok, status, type Outcome, type Rules } from './outcome.ts';
import type { Request } from './request.ts';
import {
  addContent,
  contentOf,
  copyWorld,
  fileOf,
  handleKey,
  kindOf,
  locate,
  namesOfNode,
  newId,
  ROOT,
  sessionOf,
  uploadOf,
  uploadsAt,
  type Content,
  type FileNode,
  type Handle,
  type View,
  type World,
} from './world.ts';

const FLAG = { READ: 0x01, WRITE: 0x02, APPEND: 0x04, CREAT: 0x08, TRUNC: 0x10, EXCL: 0x20 };
const UMASK = 0o022;
const END_OF_FILE = 1;
const FAILURE = 4;

export function apply(world: World, rules: Rules, session: number, request: Request): Outcome[] {
  const outcomes = applySeeing(world, rules, session, request);
  return rules.blind ? [...outcomes, ...applyBlind(world, rules, session, request)] : outcomes;
}

/** As if the new files that others are writing were not there yet. */
function applyBlind(given: World, rules: Rules, session: number, request: Request): Outcome[] {
  const world = copyWorld(given);
  const hidden: { readonly parent: number; readonly name: string; readonly id: number }[] = [];
  for (const [parent, directory] of world.nodes) {
    if (directory.kind !== 'directory') continue;
    for (const [name, id] of directory.entries) {
      const node = world.nodes.get(id);
      if (node?.kind !== 'file' || node.committed !== undefined) continue;
      if (node.uploads.some((each) => uploadOf(world, each).handles.some((key) => sessionOf(key) === session)))
        continue;
      hidden.push({ parent, name, id });
      directory.entries.delete(name);
    }
  }
  if (hidden.length === 0) return [];
  meant('another process');
  return applySeeing(world, rules, session, request).map((outcome) => {
    const after = copyWorld(outcome.world);
    for (const { parent, name, id } of hidden) {
      const directory = after.nodes.get(parent);
      const free = directory?.kind === 'directory' && !directory.entries.has(name);
      if (free) directory.entries.set(name, id);
      const lost = !free || namesOfNode(after, id).length === 0;
      for (const each of fileOf(after, id).uploads) {
        uploadOf(after, each).overtaken ||= lost;
        uploadOf(after, each).moved ||= request.op === 'rename' || request.op === 'posix-rename';
      }
    }
    return { ...outcome, world: after };
  });
}

function applySeeing(world: World, rules: Rules, session: number, request: Request): Outcome[] {
  const key = 'slot' in request ? handleKey(session, request.slot) : '';
  switch (request.op) {
    case 'open':
      return open(world, rules, key, request);
    case 'close':
      return close(world, rules, key);
    case 'read':
      return read(world, rules, key, request.offset, request.length);
    case 'write':
      return write(world, rules, key, request.offset, request.length, request.fill);
    case 'fstat':
      return [
        ...shown(world, rules, key).flatMap(({ world: next, content }) => [
          attributes(next, viewOf(content)),
          ...setSince(next, rules, key, content),
        ]),
        ...endedRead(world, key),
      ];
    case 'fsetstat':
      return fsetstat(world, rules, key, request.change);
    case 'fsync':
      return [ok(world)];
    case 'copy-data': {
      const { slot: _slot, target, ...rest } = request;
      const sources = shown(world, rules, key).map(({ world: next, content }) => ({
        world: next,
        bytes: content.bytes,
      }));
      const outcomes = copyData(world, rules, { ...rest, key, target: handleKey(session, target) }, sources);
      const same = handleOf(world, key).known === handleOf(world, handleKey(session, target)).known;
      if (!rules.posix && same && meant('copy onto itself')) outcomes.push(status(world, FAILURE));
      return [...outcomes, ...endedRead(world, key)];
    }
    case 'stat':
    case 'lstat':
      return stat(world, rules, session, request.path);
    case 'setstat':
      return setstat(world, rules, session, request.path, request.change);
    case 'list':
      return list(world, rules, request.path);
    case 'rename':
    case 'posix-rename':
      return nameOperation(world, rules, request).map((outcome) => knownAs(outcome, session, request));
    default:
      return nameOperation(world, rules, request);
  }
}

/** The session's own handles are known to it by the new name. */
function knownAs(outcome: Outcome, session: number, { path, target }: { path: string; target: string }): Outcome {
  if (outcome.expected.kind !== 'status' || !outcome.expected.codes.includes(0)) return outcome;
  const world = copyWorld(outcome.world);
  for (const [key, handle] of world.handles) {
    if (sessionOf(key) !== session) continue;
    if (handle.known === path || handle.known.startsWith(`${path}/`)) {
      handle.known = target + handle.known.slice(path.length);
    }
  }
  return { ...outcome, world };
}

/** The bytes of the version that was opened, with what was set on the file since. */
function setSince(world: World, rules: Rules, key: string, content: Content): Outcome[] {
  const { upload, node } = handleOf(world, key);
  const { committed } = fileOf(world, node);
  if (rules.posix || upload !== undefined || committed === undefined || !meant('read handle keeps its version'))
    return [];
  const { mode, mtime } = contentOf(world, committed);
  return [attributes(world, viewOf({ bytes: content.bytes, mode, mtime }))];
}

/** The upload that the handle was reading is no file. */
function endedRead(world: World, key: string): Outcome[] {
  return handleOf(world, key).ended && meant('a reader of what was given up') ? [status(world, FAILURE)] : [];
}

/** All handles of a session end. */
export function die(world: World, rules: Rules, session: number): World[] {
  return disconnect(world, rules, session);
}

function open(
  given: World,
  rules: Rules,
  key: string,
  { path, flags, mode = 0o666 }: Extract<Request, { op: 'open' }>,
): Outcome[] {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const world = copyWorld(given);
  const place = locate(world, path);
  if (place.error !== undefined) return [fails(given, rules, place.error)];
  const changing = has(FLAG.WRITE | FLAG.APPEND | FLAG.CREAT | FLAG.TRUNC);
  const onlyAppend = has(FLAG.APPEND) && !has(FLAG.WRITE) && !rules.posix && meant('APPEND writes');
  const access = {
    path,
    known: path,
    ended: false,
    readable: has(FLAG.READ) || !has(rules.posix ? FLAG.WRITE : FLAG.WRITE | FLAG.APPEND | FLAG.CREAT | FLAG.TRUNC),
    writable: has(FLAG.WRITE) || onlyAppend,
    append: has(FLAG.APPEND),
    wrote: has(FLAG.TRUNC),
  };
  const { node, id } = place;
  if (node === undefined || id === undefined) {
    if (!has(FLAG.CREAT)) return [fails(given, rules, 'ENOENT')];
    const content = addContent(world, { bytes: Buffer.alloc(0), mode: mode & 0o7777 & ~UMASK, mtime: 'recent' });
    const created = newId(world);
    place.parent.entries.set(place.name, created);
    const file: FileNode = { kind: 'file', committed: rules.posix ? content : undefined, uploads: [] };
    world.nodes.set(created, file);
    if (rules.posix) addHandle(world, key, { ...access, node: created, upload: undefined, views: ['follow'] });
    else beginUpload(world, key, { ...access, node: created, wrote: true }, content, undefined, has(FLAG.TRUNC));
    return [{ world, expected: { kind: 'handle' } }];
  }
  if (has(FLAG.CREAT) && has(FLAG.EXCL)) return [fails(given, rules, 'EEXIST')];
  if (node.kind === 'directory') {
    if (has(FLAG.WRITE | FLAG.CREAT | FLAG.TRUNC)) return [fails(given, rules, 'EISDIR')];
    if (rules.posix) return [{ world: given, expected: { kind: 'directory-handle' } }];
    meant('a directory is no file');
    return [fails(given, rules, 'EISDIR')];
  }
  if (rules.posix) {
    if (has(FLAG.TRUNC) && node.committed !== undefined) {
      world.contents.set(node.committed, {
        ...contentOf(world, node.committed),
        bytes: Buffer.alloc(0),
        mtime: 'recent',
      });
    }
    addHandle(world, key, { ...access, node: id, upload: undefined, views: ['follow'] });
    return [{ world, expected: { kind: 'handle' } }];
  }
  if (!changing) {
    const views: View[] = [...(node.committed === undefined ? [] : [node.committed]), 'follow'];
    for (const each of node.uploads) views.push(uploadOf(world, each).content);
    addHandle(world, key, { ...access, node: id, upload: undefined, views });
    return [{ world, expected: { kind: 'handle' } }];
  }
  const opened = openExisting(given, rules, key, { ...access, node: id }, has(FLAG.TRUNC));
  return opened.map((next) => ({ world: next, expected: { kind: 'handle' } }));
}

type Access = Omit<Handle, 'upload' | 'views'>;

function addHandle(world: World, key: string, handle: Handle): void {
  world.handles.set(key, handle);
}

function beginUpload(
  world: World,
  key: string,
  access: Access,
  content: number,
  base: number | undefined,
  truncating: boolean,
): void {
  const id = newId(world);
  const { length } = contentOf(world, content).bytes;
  world.uploads.set(id, {
    content,
    path: access.path,
    base,
    truncating,
    published: false,
    inPlace: 'no',
    received: false,
    dirty: truncating || base === undefined,
    modeSet: false,
    timeSet: false,
    ends: length > 0 ? [length] : [],
    handles: [key],
    gap: false,
    moved: false,
    overtaken: false,
  });
  fileOf(world, access.node).uploads.push(id);
  addHandle(world, key, { ...access, upload: id, views: [] });
}

/** A handle that may change an existing file: it joins what is being written there, or begins a version of its own. */
function openExisting(given: World, rules: Rules, key: string, access: Access, truncate: boolean): World[] {
  const node = fileOf(given, access.node);
  const join = (id: number): World => {
    const world = copyWorld(given);
    uploadOf(world, id).handles.push(key);
    addHandle(world, key, { ...access, upload: id, views: [] });
    return world;
  };
  const begin = (): World => {
    const world = copyWorld(given);
    const from = node.committed ?? uploadOf(world, node.uploads.at(-1) ?? 0).content;
    const { bytes, mode, mtime } = contentOf(world, from);
    const content = truncate ? { bytes: Buffer.alloc(0), mode, mtime: 'recent' as const } : { bytes, mode, mtime };
    beginUpload(world, key, access, addContent(world, content), node.committed, truncate);
    return world;
  };
  const uploads = uploadsAt(given, access.node, access.path);
  if (uploads.length === 0) return [begin()];
  if (truncate && meant('own version')) return [begin()];
  const current = uploads.filter((id) => !isStale(node, uploadOf(given, id)));
  const shared = current.filter((id) => kindOf(uploadOf(given, id)) === 'changing' || !uploadOf(given, id).truncating);
  const joined = shared.at(-1) ?? current.at(-1);
  const worlds = joined === undefined ? [begin()] : [join(joined)];
  if (rules.sharesOpenFiles || !meant('another process')) return worlds;
  if (joined !== undefined && node.committed !== undefined) worlds.push(begin());
  return [...worlds, ...node.uploads.filter((id) => id !== joined).map(join)];
}

/** What the handle may show, each with the world in which it does. */
function shown(given: World, rules: Rules, key: string): { world: World; content: Content }[] {
  const handle = handleOf(given, key);
  if (handle.upload !== undefined) {
    return contentsOfWriter(given, handle, handle.upload).map((id) => ({
      world: given,
      content: contentOf(given, id),
    }));
  }
  const node = fileOf(given, handle.node);
  const found = new Map<string, { content: Content; views: Set<View> }>();
  for (const view of handle.views) {
    for (const id of view === 'follow' ? currentContents(given, node) : [view]) {
      const content = contentOf(given, id);
      const label = `${content.mode} ${content.mtime} ${content.bytes.toString('latin1')}`;
      const known = found.get(label);
      if (known === undefined) found.set(label, { content, views: new Set([view]) });
      else known.views.add(view);
    }
  }
  if (!rules.posix && found.size > 1) meant('read handle keeps its version');
  return [...found.values()].map(({ content, views }) => {
    if (views.size === handle.views.length) return { world: given, content };
    const world = copyWorld(given);
    handleOf(world, key).views = [...views];
    return { world, content };
  });
}

/** What the file is for those who do not write it: the last version, or what is coming. */
function currentContents(world: World, node: FileNode): number[] {
  const uploads = node.uploads.map((each) => uploadOf(world, each).content);
  if (uploads.length > 0) meant('old until CLOSE');
  return [...(node.committed === undefined ? [] : [node.committed]), ...uploads];
}

function read(given: World, rules: Rules, key: string, offset: number, length: number): Outcome[] {
  const handle = handleOf(given, key);
  if (!handle.readable) return [fails(given, rules, 'EBADF')];
  const outcomes = shown(given, rules, key).map(({ world, content }) => {
    const bytes = content.bytes.subarray(offset, offset + length);
    return bytes.length === 0 ? status(world, END_OF_FILE) : { world, expected: { kind: 'data' as const, bytes } };
  });
  outcomes.push(...endedRead(given, key));
  if (!rules.posix && rules.refusesReads && handle.upload === undefined) {
    const node = fileOf(given, handle.node);
    const removed = namesOfNode(given, handle.node).length === 0;
    const replaced = removed || handle.views.some((view) => view !== 'follow' && view !== node.committed);
    if ((replaced || node.uploads.length > 0) && meant('read handle keeps its version')) {
      outcomes.push(status(given, FAILURE));
    }
  }
  return outcomes;
}

function stat(world: World, rules: Rules, session: number, path: string): Outcome[] {
  const place = locate(world, path);
  if (place.error !== undefined) return [fails(world, rules, place.error)];
  if (place.node === undefined) return [fails(world, rules, 'ENOENT')];
  if (place.node.kind === 'directory') return [attributes(world, { kind: 'directory', mode: place.node.mode })];
  const own = uploadsAt(world, place.id ?? ROOT, path).filter((id) =>
    uploadOf(world, id).handles.some((key) => sessionOf(key) === session),
  );
  const ids = own.length > 0 ? own.map((id) => uploadOf(world, id).content) : currentContents(world, place.node);
  return ids.map((id) => attributes(world, viewOf(contentOf(world, id))));
}

function list(world: World, rules: Rules, path: string): Outcome[] {
  const place = path === '.' ? { error: undefined, node: world.nodes.get(ROOT) } : locate(world, path);
  if (place.error !== undefined) return [fails(world, rules, place.error)];
  if (place.node === undefined) return [fails(world, rules, 'ENOENT')];
  if (place.node.kind === 'file') return [fails(world, rules, 'ENOTDIR')];
  const names = [...place.node.entries].map(([name, id]): ListedName => {
    const node = world.nodes.get(id);
    if (node?.kind !== 'file') return { name, optional: false, views: [{ kind: 'directory', mode: node?.mode ?? 0 }] };
    return {
      name,
      optional: node.committed === undefined && meant('unlisted until CLOSE'),
      views: currentContents(world, node).map((each) => viewOf(contentOf(world, each))),
    };
  });
  return [{ world, expected: { kind: 'names', names } }];
}

function viewOf({ bytes, mode, mtime }: Content): AttributesView {
  return { kind: 'file', size: bytes.length, mode, mtime };
}

function attributes(world: World, view: AttributesView): Outcome {
  const expected: Expectation = { kind: 'attributes', view };
  return { world, expected };
}
