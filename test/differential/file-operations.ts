// The model of what changes bytes and attributes: WRITE, FSETSTAT, SETSTAT, copy-data, CLOSE, the death of a session.
import { meant } from './differences.ts';
import { fails, ok, status, type Outcome, type Rules } from './outcome.ts';
import { fillBytes, type Change } from './request.ts';
import {
  addContent,
  contentOf,
  copyWorld,
  fileOf,
  kindOf,
  locate,
  namesOfNode,
  newId,
  sessionOf,
  uploadOf,
  uploadsAt,
  type Content,
  type FileNode,
  type Handle,
  type Upload,
  type World,
} from './world.ts';

const NO_SUCH_FILE = 2;
const FAILURE = 4;

export function handleOf(world: World, key: string): Handle {
  const handle = world.handles.get(key);
  if (handle === undefined) throw new Error('the model has lost a handle');
  return handle;
}

/** Whether something else was committed since the upload began. */
export function isStale(node: FileNode, upload: Upload): boolean {
  return node.committed !== undefined && node.committed !== upload.base;
}

/** What an unchanged upload began from may be a file of another name still, whose attributes were set by that. */
function otherAttributes(world: World, upload: Upload): number[] {
  if (upload.base === undefined || isPending(upload)) return [];
  const [own, base] = [contentOf(world, upload.content), contentOf(world, upload.base)];
  return own.mode === base.mode && own.mtime === base.mtime ? [] : [upload.base];
}

/** What a handle that writes shows. */
export function contentsOfWriter(world: World, handle: Handle, uploadId: number): number[] {
  const node = fileOf(world, handle.node);
  const upload = uploadOf(world, uploadId);
  const contents = [upload.content];
  if (upload.dirty) return contents;
  if (isStale(node, upload) && node.committed !== undefined && meant('stale writer')) contents.push(node.committed);
  return [...contents, ...otherAttributes(world, upload)];
}

/** A changed copy of the world for each content that the handle's next change may be made to. */
function forChange(
  given: World,
  rules: Rules,
  key: string,
  change: (content: Content, upload?: Upload) => Content,
): World[] {
  const handle = handleOf(given, key);
  if (rules.posix || handle.upload === undefined) {
    const world = copyWorld(given);
    const { committed } = fileOf(world, handle.node);
    if (committed === undefined) throw new Error('a file without bytes');
    world.contents.set(committed, change(contentOf(world, committed)));
    return [world];
  }
  const { upload: id } = handle;
  const { content: own, inPlace } = uploadOf(given, id);
  const bases = rules.sharesOpenFiles
    ? [own, ...otherAttributes(given, uploadOf(given, id))]
    : contentsOfWriter(given, handle, id);
  const ways = rules.writesInPlace ? { no: [false], perhaps: [false, true], yes: [true] }[inPlace] : [false];
  return bases.flatMap((base) =>
    ways.map((through) => {
      const world = copyWorld(given);
      const upload = uploadOf(world, id);
      if (base !== own) upload.base = base;
      const changed = change(contentOf(world, base), upload);
      world.contents.set(own, changed);
      if (through && upload.base !== undefined && meant('shared and stored')) {
        world.contents.set(upload.base, changed);
        upload.dirty = false;
        upload.received = false;
        upload.modeSet = false;
      }
      handleOf(world, key).wrote = true;
      return world;
    }),
  );
}

function laterTime(upload: Upload | undefined): 'recent' | 'any' {
  return upload?.timeSet === true && meant('times set before the last write') ? 'any' : 'recent';
}

function putBytes(given: World, rules: Rules, key: string, offset: number, data: Buffer): World[] {
  const { append } = handleOf(given, key);
  return forChange(given, rules, key, (content, upload) => {
    const { bytes } = content;
    const at = append ? bytes.length : offset;
    const next = Buffer.alloc(Math.max(bytes.length, at + data.length));
    bytes.copy(next);
    data.copy(next, at);
    if (upload !== undefined) {
      upload.dirty = true;
      upload.received = true;
      upload.ends.push(...(at > bytes.length ? [bytes.length] : []), at + data.length);
      if (at > bytes.length) upload.gap = true;
    }
    return { ...content, bytes: next, mtime: laterTime(upload) };
  });
}

export function write(
  world: World,
  rules: Rules,
  key: string,
  offset: number,
  length: number,
  fill: number,
): Outcome[] {
  if (!handleOf(world, key).writable) return [fails(world, rules, 'EBADF')];
  return putBytes(world, rules, key, offset, fillBytes(fill, length)).map(ok);
}

/** `sources`: what the source may show, with the worlds where it does. */
export function copyData(
  given: World,
  rules: Rules,
  request: {
    readonly key: string;
    readonly from: number;
    readonly length: number;
    readonly target: string;
    readonly to: number;
  },
  sources: readonly { readonly world: World; readonly bytes: Buffer }[],
): Outcome[] {
  const source = handleOf(given, request.key);
  const target = handleOf(given, request.target);
  // As sftp-server.c ends the loop, a length of up to 64 KiB is answered OK whatever happened; and without one, where
  // there is nothing to write.
  const nothing = source.readable && sources.every(({ bytes }) => bytes.length <= request.from);
  const posixOk = rules.posix && (request.length > 0 || nothing);
  if (!source.readable || !target.writable) return [posixOk ? ok(given) : fails(given, rules, 'EBADF')];
  return sources.flatMap(({ world, bytes }) => {
    const end = request.length === 0 ? bytes.length : request.from + request.length;
    const piece = bytes.subarray(request.from, end);
    const short = request.length > 0 && piece.length < request.length;
    const worlds = piece.length === 0 ? [world] : putBytes(world, rules, request.target, request.to, piece);
    if (!short || rules.posix) return worlds.map(ok);
    return worlds.map((each) => status(each, ...(meant('short copy') ? [0, 1] : [])));
  });
}

function resized({ bytes, ...content }: Content, size: number, upload?: Upload): Content {
  const next = Buffer.alloc(size);
  bytes.copy(next, 0, 0, size);
  if (upload !== undefined) {
    if (size > bytes.length) upload.gap = true;
    upload.dirty = true;
    upload.received ||= size !== bytes.length;
    upload.ends.push(Math.min(size, bytes.length), size);
  }
  return { ...content, bytes: next, mtime: size === bytes.length ? 'any' : laterTime(upload) };
}

export function fsetstat(given: World, rules: Rules, key: string, { size, mode, mtime }: Change): Outcome[] {
  const handle = handleOf(given, key);
  if (size !== undefined) {
    if (!handle.writable) return [fails(given, rules, 'EINVAL')];
    return forChange(given, rules, key, (content, upload) => resized(content, size, upload)).map(ok);
  }
  if (!rules.posix && handle.upload === undefined) return setThroughReader(given, rules, handle, { mode, mtime });
  return forChange(given, rules, key, (content, upload) => {
    if (upload !== undefined) {
      upload.modeSet ||= mode !== undefined;
      upload.timeSet ||= mtime !== undefined;
      meant('uncommitted chmod is committed');
    }
    return { ...content, mode: mode ?? content.mode, mtime: mtime ?? content.mtime };
  }).map(ok);
}

interface Attributes {
  readonly mode: number | undefined;
  readonly mtime: number | undefined;
}

/** A handle for reading: mode and times belong to the file that is open. */
function setThroughReader(given: World, rules: Rules, handle: Handle, change: Attributes): Outcome[] {
  const node = fileOf(given, handle.node);
  const inFile = copyWorld(given);
  setOnFile(inFile, fileOf(inFile, handle.node), change);
  const outcomes = [ok(inFile)];
  // What it shows of an upload is that upload alone.
  for (const id of node.uploads) {
    const { content, inPlace, base } = uploadOf(given, id);
    if (!handle.views.includes(content) || !meant('own version')) continue;
    const world = copyWorld(given);
    const upload = uploadOf(world, id);
    setOn(world, content, change);
    upload.modeSet ||= change.mode !== undefined;
    upload.timeSet ||= change.mtime !== undefined;
    if (inPlace !== 'no' && rules.writesInPlace && base !== undefined) setOn(world, base, change);
    outcomes.push(ok(world));
  }
  const old = handle.views.filter((view): view is number => view !== 'follow' && view !== node.committed);
  if (old.length > 0 && meant('read handle keeps its version')) {
    for (const view of old) {
      const world = copyWorld(given);
      setOn(world, view, change);
      outcomes.push(ok(world));
    }
    outcomes.push(fails(given, rules, 'EINVAL'), fails(given, rules, 'ENOENT'));
  }
  return outcomes;
}

function setOn(world: World, id: number, { mode, mtime }: Attributes): void {
  const content = contentOf(world, id);
  world.contents.set(id, { ...content, mode: mode ?? content.mode, mtime: mtime ?? content.mtime });
}

/** By its name, or through a handle for reading: on the file as it is and on what is being written. */
function setOnFile(world: World, node: FileNode, change: Attributes): void {
  if (node.committed !== undefined) setOn(world, node.committed, change);
  for (const id of node.uploads) {
    const upload = uploadOf(world, id);
    setOn(world, upload.content, change);
    upload.modeSet ||= change.mode !== undefined;
    upload.timeSet ||= change.mtime !== undefined;
    const isOther = upload.truncating || isStale(node, upload);
    if (change.mtime !== undefined && isOther && node.committed !== undefined && meant('own version')) {
      world.contents.set(upload.content, { ...contentOf(world, upload.content), mtime: 'any' });
    }
  }
}

export function setstat(
  given: World,
  rules: Rules,
  session: number,
  path: string,
  { size, mode, mtime }: Change,
): Outcome[] {
  const world = copyWorld(given);
  const place = locate(world, path);
  if (place.error !== undefined) return [fails(given, rules, place.error)];
  if (place.node === undefined || place.id === undefined) return [fails(given, rules, 'ENOENT')];
  if (place.node.kind === 'directory') {
    if (size !== undefined) return [fails(given, rules, 'EISDIR')];
    place.node.mode = mode ?? place.node.mode;
    return [ok(world)];
  }
  if (size === undefined) {
    setOnFile(world, place.node, { mode, mtime });
    return [ok(world)];
  }
  if (rules.posix) {
    const { committed } = place.node;
    if (committed !== undefined) world.contents.set(committed, resized(contentOf(world, committed), size));
    return [ok(world)];
  }
  return cutByName(given, rules, session, path, place.id, size).map(ok);
}

/** SETSTAT with a size acts on what the session itself writes there, else on what will be the file, else on the file. */
function cutByName(given: World, rules: Rules, session: number, path: string, id: number, size: number): World[] {
  const node = fileOf(given, id);
  const uploads = uploadsAt(given, id, path).map((each) => ({ id: each, upload: uploadOf(given, each) }));
  const own = uploads.findLast(({ upload }) => upload.handles.some((key) => sessionOf(key) === session));
  const byName = uploads.findLast(({ upload }) => kindOf(upload) !== 'replacing' && !isStale(node, upload));
  const stored = (): World[] => {
    if (node.committed === undefined) return [];
    return replaceBytes(given, id, path, resized(contentOf(given, node.committed), size));
  };
  const chosen = own ?? byName;
  if (chosen === undefined) return stored();
  const world = copyWorld(given);
  const upload = uploadOf(world, chosen.id);
  const { inPlace, base } = upload;
  const cut = resized(contentOf(world, upload.content), size, upload);
  world.contents.set(upload.content, cut);
  const worlds = [world];
  if (rules.writesInPlace && inPlace !== 'no' && base !== undefined) {
    const through = copyWorld(world);
    through.contents.set(base, cut);
    Object.assign(uploadOf(through, chosen.id), { dirty: false, received: false });
    if (inPlace === 'yes') worlds.pop();
    worlds.push(through);
  }
  if (!rules.sharesOpenFiles) return [...worlds, ...stored()];
  if (chosen === own || kindOf(chosen.upload) !== 'changing') return worlds;
  meant('shared and stored');
  return worlds.flatMap((each) => commit(each, id, chosen.id));
}

/** A file gets other bytes: readers may keep the old ones, and other names too. */
function replaceBytes(given: World, id: number, path: string, content: Content): World[] {
  const world = copyWorld(given);
  const file = fileOf(world, id);
  file.committed = addContent(world, content);
  const names = namesOfNode(given, id);
  if (names.length <= 1 || !names.some((each) => each.path === path) || !meant('hard links break')) return [world];
  return [world, ...apart(given, id, path, content)];
}

/**
 * The one name gets the content, with what was begun by it; the others keep the old one. So does who reads the old one, but
 * who reads what becomes the content, or may do so.
 */
function apart(given: World, id: number, path: string, content: Content): World[] {
  const world = copyWorld(given);
  const file = fileOf(world, id);
  const old = newId(world);
  const staying = file.uploads.filter((each) => uploadOf(world, each).path !== path);
  const leaving = file.uploads.filter((each) => !staying.includes(each));
  world.nodes.set(old, { kind: 'file', committed: file.committed, uploads: staying });
  for (const each of staying) for (const key of uploadOf(world, each).handles) handleOf(world, key).node = old;
  file.uploads = leaving;
  for (const each of namesOfNode(world, id)) if (each.path !== path) each.parent.entries.set(each.name, old);
  file.committed = addContent(world, content);
  let worlds = [world];
  for (const [key, { node, upload, views }] of world.handles) {
    if (node !== id || upload !== undefined) continue;
    const mayLeave = leaving.some((each) => views.includes(uploadOf(world, each).content));
    worlds = worlds.flatMap((each) => {
      const left = copyWorld(each);
      handleOf(left, key).node = old;
      return mayLeave ? [each, left] : [left];
    });
  }
  return worlds;
}

/** The upload becomes the file. */
export function commit(given: World, id: number, uploadId: number, bytes?: Buffer): World[] {
  const file = fileOf(given, id);
  const upload = uploadOf(given, uploadId);
  const written = contentOf(given, upload.content);
  const before = file.committed === undefined ? undefined : contentOf(given, file.committed);
  const fresh = upload.dirty || before === undefined;
  const modes = [upload.modeSet || before === undefined ? written.mode : before.mode];
  // A whole version of its own may have its own mode too.
  if (isStale(file, upload) && written.mode !== modes[0] && meant('own version')) modes.push(written.mode);
  return modes.flatMap((mode) =>
    commitAs(given, id, uploadId, fresh, {
      bytes: fresh ? (bytes ?? written.bytes) : before.bytes,
      mode,
      mtime: fresh || upload.timeSet ? written.mtime : before.mtime,
    }),
  );
}

function commitAs(given: World, id: number, uploadId: number, fresh: boolean, content: Content): World[] {
  const file = fileOf(given, id);
  let worlds: World[];
  if (fresh) worlds = replaceBytes(given, id, uploadOf(given, uploadId).path, content);
  else {
    const world = copyWorld(given);
    if (file.committed !== undefined) world.contents.set(file.committed, content);
    worlds = [world];
  }
  for (const world of worlds) {
    const next = uploadOf(world, uploadId);
    next.base = fileOf(world, id).committed;
    next.published = true;
    for (const key of next.handles) handleOf(world, key).wrote = false;
    if (next.received) next.inPlace = 'yes';
    else if (fresh && next.inPlace === 'no')
      next.inPlace = file.committed === undefined || next.truncating ? 'yes' : 'perhaps';
    next.dirty = false;
    next.received = false;
    next.modeSet = false;
    next.timeSet = false;
    next.moved = false;
    next.gap = false;
    next.ends = [];
    for (const other of fileOf(world, id).uploads) if (other !== uploadId) uploadOf(world, other).moved = true;
    world.contents.set(next.content, { ...contentOf(world, next.content), mode: content.mode });
  }
  return worlds;
}

function letGo(world: World, key: string): World {
  const { node, upload } = handleOf(world, key);
  world.handles.delete(key);
  if (upload === undefined) return world;
  const left = uploadOf(world, upload);
  left.handles = left.handles.filter((each) => each !== key);
  if (left.handles.length > 0) return world;
  if (isPending(left)) {
    for (const reader of world.handles.values()) if (reader.views.includes(left.content)) reader.ended = true;
  }
  world.uploads.delete(upload);
  const file = fileOf(world, node);
  file.uploads = file.uploads.filter((each) => each !== upload);
  return world;
}

const isPending = ({ dirty, modeSet, timeSet }: Upload): boolean => dirty || modeSet || timeSet;

export function close(given: World, rules: Rules, key: string): Outcome[] {
  const handle = handleOf(given, key);
  const without = (): World => letGo(copyWorld(given), key);
  if (rules.posix || handle.upload === undefined) return [ok(without())];
  const upload = uploadOf(given, handle.upload);
  const file = fileOf(given, handle.node);
  const failed = (): Outcome => status(dropped(given, key), FAILURE, NO_SUCH_FILE);
  if (upload.overtaken)
    return [failed(), ...takeName(given, handle, handle.upload).map((world) => ok(letGo(world, key)))];
  if (namesOfNode(given, handle.node).length === 0)
    return rules.sharesOpenFiles ? [ok(without())] : [ok(without()), failed()];
  if (isStale(file, upload) && (kindOf(upload) === 'changing' || !upload.truncating) && meant('stale writer')) {
    return [handle.wrote ? failed() : ok(without())];
  }
  const last = upload.handles.length === 1;
  if (!isPending(upload) || (!last && !handle.wrote)) return [without(), ...asAnother(given, key)].map(ok);
  const outcomes = commit(given, handle.node, handle.upload).map((world) => ok(letGo(world, key)));
  if (!rules.sharesOpenFiles && (isStale(file, upload) || upload.moved) && meant('another process')) {
    outcomes.push(failed());
  }
  return outcomes;
}

/** What was written in place may be another version for those who began from the one before. */
function asAnother(given: World, key: string): World[] {
  const { node, upload: id, wrote } = handleOf(given, key);
  if (id === undefined || !wrote) return [];
  const world = copyWorld(given);
  const [file, upload] = [fileOf(world, node), uploadOf(world, id)];
  if (upload.inPlace === 'no' || file.committed === undefined || upload.base !== file.committed) return [];
  const others = file.uploads.filter((each) => each !== id);
  if (others.length === 0 || !meant('shared and stored')) return [];
  file.committed = addContent(world, contentOf(world, file.committed));
  upload.base = file.committed;
  for (const each of others) uploadOf(world, each).moved = true;
  return [letGo(world, key)];
}

/** The last that is closed is the file: where another process has made a file of that name meanwhile, it is replaced. */
function takeName(given: World, handle: Handle, upload: number): World[] {
  const world = copyWorld(given);
  const place = locate(world, handle.path);
  if (place.error !== undefined || place.node?.kind === 'directory') return [];
  place.parent.entries.set(place.name, handle.node);
  uploadOf(world, upload).overtaken = false;
  return commit(world, handle.node, upload);
}

/** All handles of the session end without a CLOSE. */
export function disconnect(given: World, rules: Rules, session: number): World[] {
  let worlds = [given];
  for (const key of given.handles.keys()) {
    if (sessionOf(key) === session) worlds = worlds.flatMap((world) => abandon(world, rules, key));
  }
  return worlds;
}

function abandon(given: World, rules: Rules, key: string): World[] {
  const handle = handleOf(given, key);
  const without = (): World => letGo(copyWorld(given), key);
  if (rules.posix || handle.upload === undefined) return [without()];
  if (namesOfNode(given, handle.node).length === 0) return [without()];
  const upload = uploadOf(given, handle.upload);
  const file = fileOf(given, handle.node);
  if (!isPending(upload)) return [without(), ...asAnother(given, key)];
  meant('a dead session');
  const kept = (): World[] =>
    lengthsLeft(given, upload).flatMap((length) => {
      const { bytes } = contentOf(given, upload.content);
      return commit(given, handle.node, handle.upload ?? 0, bytes.subarray(0, length)).map((world) =>
        letGo(world, key),
      );
    });
  // What it wrote is in what the others go on with.
  if (upload.handles.length > 1) return [without()];
  if (rules.partialUploads === 'discard' || isStale(file, upload)) return [dropped(given, key)];
  // Under its new name it harms nobody; and what holds no byte yet is nothing that could be resumed.
  if (upload.moved || file.uploads.length > 1 || !upload.received) return [dropped(given, key), ...kept()];
  return kept();
}

function lengthsLeft(world: World, { content, gap, ends }: Upload): number[] {
  const { length } = contentOf(world, content).bytes;
  return gap ? [...new Set([length, ...ends.filter((end) => end < length)])] : [length];
}

/** Nothing of it stays; a new file that nobody else writes is gone with it. */
function dropped(given: World, key: string): World {
  const { node } = handleOf(given, key);
  const world = letGo(copyWorld(given), key);
  const file = fileOf(world, node);
  if (file.committed === undefined && file.uploads.length === 0) {
    for (const { parent, name } of namesOfNode(world, node)) parent.entries.delete(name);
  }
  return world;
}
