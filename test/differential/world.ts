// What a server may hold at one moment: a tree of names, the bytes behind them, what is being written, and the handles of
// the sessions. A world is a value that is copied before it is changed; what the model does not know is several worlds.

/** A time that was set, one of the last minutes, or one that nothing is promised of. */
export type Time = number | 'recent' | 'any';

/** Replaced as a whole when it changes. */
export interface Content {
  readonly bytes: Buffer;
  /** Permission bits. */
  readonly mode: number;
  readonly mtime: Time;
}

export interface FileNode {
  readonly kind: 'file';
  /** What everybody sees who writes nothing here; undefined for a new file before its first CLOSE. */
  committed: number | undefined;
  /** What is being written and has not been committed. Always empty on a POSIX server, where every WRITE is in the file. */
  uploads: number[];
}

export interface DirectoryNode {
  readonly kind: 'directory';
  mode: number;
  entries: Map<string, number>;
}

export interface Upload {
  readonly content: number;
  /** The name that it was begun by, as it is by now: one of those that the file has, or the last that it had. */
  path: string;
  /** The content that it began from. */
  base: number | undefined;
  readonly truncating: boolean;
  /** It was committed while others had it open: from then on it is a change of the file. */
  published: boolean;
  /** Whether what is written is in the file at once, as it can be once the bytes were committed. */
  inPlace: 'no' | 'perhaps' | 'yes';
  /** Bytes were received, or another size was set, since it began or was committed. */
  received: boolean;
  /** It has other bytes than its base. */
  dirty: boolean;
  modeSet: boolean;
  timeSet: boolean;
  /** Where its WRITEs ended: a session that dies may leave the bytes up to one of these. */
  ends: number[];
  handles: string[];
  /** A WRITE or a size left a hole. */
  gap: boolean;
  /** Something has happened to its name since it began. */
  moved: boolean;
  /** Another process, which did not know of it, has taken its name. */
  overtaken: boolean;
}

/** What a handle for reading may show: a content (that it had at OPEN, say), or whatever the file is by now. */
export type View = number | 'follow';

export interface Handle {
  node: number;
  /** As it was opened: copy-data compares these. */
  readonly path: string;
  /** As its session knows it by now. */
  known: string;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly append: boolean;
  /** Only of handles that began or joined one. */
  readonly upload: number | undefined;
  views: readonly View[];
  /** It has changed something itself. */
  wrote: boolean;
  /** For reading: an upload that it may show has ended without a file. */
  ended: boolean;
}

export interface World {
  nextId: number;
  readonly nodes: Map<number, FileNode | DirectoryNode>;
  readonly contents: Map<number, Content>;
  readonly uploads: Map<number, Upload>;
  /** By `session:slot`. */
  readonly handles: Map<string, Handle>;
  /** In which order the requests of the last pair took effect here: false where the second came first. */
  inOrder: boolean;
}

export const ROOT = 0;
export const handleKey = (session: number, slot: number): string => `${session}:${slot}`;
export const sessionOf = (key: string): number => Number(key.split(':', 1)[0]);

export interface InitialFile {
  readonly path: string;
  readonly length: number;
  readonly fill: number;
}

export function emptyWorld(): World {
  return {
    nextId: 1,
    nodes: new Map([[ROOT, { kind: 'directory', mode: 0o755, entries: new Map<string, number>() }]]),
    contents: new Map(),
    uploads: new Map(),
    handles: new Map(),
    inOrder: true,
  };
}

export function copyWorld(world: World): World {
  return {
    nextId: world.nextId,
    nodes: new Map(
      [...world.nodes].map(([id, node]) => [
        id,
        node.kind === 'file' ? { ...node, uploads: [...node.uploads] } : { ...node, entries: new Map(node.entries) },
      ]),
    ),
    contents: new Map(world.contents),
    uploads: new Map(
      [...world.uploads].map(([id, each]) => [id, { ...each, ends: [...each.ends], handles: [...each.handles] }]),
    ),
    handles: new Map([...world.handles].map(([key, handle]) => [key, { ...handle }])),
    inOrder: world.inOrder,
  };
}

export function newId(world: World): number {
  world.nextId += 1;
  return world.nextId;
}

export function addContent(world: World, content: Content): number {
  const id = newId(world);
  world.contents.set(id, content);
  return id;
}

export function contentOf(world: World, id: number): Content {
  const content = world.contents.get(id);
  if (content === undefined) throw new Error('the model has lost a content');
  return content;
}

export function fileOf(world: World, id: number): FileNode {
  const node = world.nodes.get(id);
  if (node?.kind !== 'file') throw new Error('the model has lost a file');
  return node;
}

export function uploadOf(world: World, id: number): Upload {
  const upload = world.uploads.get(id);
  if (upload === undefined) throw new Error('the model has lost an upload');
  return upload;
}

/** `replacing`: starts empty, and the file stays until its CLOSE. `changing`: a change of the file that is there. */
export function kindOf({ published, base, truncating }: Upload): 'new' | 'replacing' | 'changing' {
  if (published) return 'changing';
  if (base === undefined) return 'new';
  return truncating ? 'replacing' : 'changing';
}

/** Where a path leads: what is there, and the directory that holds its last name. Or what is wrong on the way. */
export type Place =
  | { readonly error: 'ENOENT' | 'ENOTDIR' }
  | {
      readonly error: undefined;
      readonly parent: DirectoryNode;
      readonly name: string;
      readonly id: number | undefined;
      readonly node: FileNode | DirectoryNode | undefined;
    };

export function locate(world: World, path: string): Place {
  const names = path.split('/');
  let parent = world.nodes.get(ROOT);
  for (const [index, name] of names.entries()) {
    if (parent === undefined) return { error: 'ENOENT' };
    if (parent.kind !== 'directory') return { error: 'ENOTDIR' };
    const id: number | undefined = parent.entries.get(name);
    const node: FileNode | DirectoryNode | undefined = id === undefined ? undefined : world.nodes.get(id);
    if (index === names.length - 1) return { error: undefined, parent, name, id, node };
    parent = node;
  }
  return { error: 'ENOENT' };
}

export interface NodeName {
  readonly parent: DirectoryNode;
  readonly name: string;
  readonly path: string;
}

/** What is being written there, as far as it was begun by this name of the file. */
export function uploadsAt(world: World, id: number, path: string): number[] {
  const { uploads } = fileOf(world, id);
  if (uploads.length === 0 || namesOfNode(world, id).length <= 1) return uploads;
  return uploads.filter((each) => uploadOf(world, each).path === path);
}

/** The file has lost this one of its names: what was begun by it is a file without a name. */
export function loseName(world: World, id: number | undefined, path: string): void {
  const node = id === undefined ? undefined : world.nodes.get(id);
  if (id === undefined || node?.kind !== 'file' || namesOfNode(world, id).length === 0) return;
  const lost = node.uploads.filter((each) => uploadOf(world, each).path === path);
  if (lost.length === 0) return;
  const nameless = newId(world);
  world.nodes.set(nameless, { kind: 'file', committed: node.committed, uploads: lost });
  node.uploads = node.uploads.filter((each) => !lost.includes(each));
  for (const each of lost) {
    for (const key of uploadOf(world, each).handles) {
      const handle = world.handles.get(key);
      if (handle !== undefined) handle.node = nameless;
    }
  }
}

/** All names of a file: none where it was removed, several where it has hard links. */
export function namesOfNode(world: World, id: number): NodeName[] {
  const found: NodeName[] = [];
  const visit = (directory: DirectoryNode, above: string): void => {
    for (const [name, child] of directory.entries) {
      if (child === id) found.push({ parent: directory, name, path: above + name });
      const node = world.nodes.get(child);
      if (node?.kind === 'directory') visit(node, `${above}${name}/`);
    }
  };
  const root = world.nodes.get(ROOT);
  if (root?.kind === 'directory') visit(root, '');
  return found;
}

/** Equal for worlds that no request can tell apart. */
export function worldKey(world: World): string {
  const parts: string[] = [];
  const numbers = new Map<number, number>();
  const seen = new Set<number>();
  const number = (id: number | undefined): string => {
    if (id === undefined) return '-';
    let known = numbers.get(id);
    if (known === undefined) {
      known = numbers.size;
      numbers.set(id, known);
    }
    return String(known);
  };
  const content = (id: number | undefined): string => {
    const label = number(id);
    if (id === undefined || seen.has(id)) return label;
    seen.add(id);
    const { bytes, mode, mtime } = contentOf(world, id);
    return `${label}=${bytes.length > 4096 ? bytesKey(bytes) : bytes.toString('latin1')},${mode},${mtime}`;
  };
  const node = (id: number): string => {
    const label = number(id);
    const found = world.nodes.get(id);
    if (found === undefined || seen.has(id)) return label;
    seen.add(id);
    if (found.kind === 'directory') {
      const entries = [...found.entries].sort(([one], [other]) => (one < other ? -1 : 1));
      return `${label}d${found.mode}(${entries.map(([name, child]) => `${name}:${node(child)}`).join(';')})`;
    }
    const uploads = found.uploads.map((each) => {
      const upload = uploadOf(world, each);
      const { base, truncating, published, inPlace, received, dirty, modeSet, timeSet, gap, moved } = upload;
      const { ends, handles, overtaken } = upload;
      const flags = [
        ...[truncating, published, received, dirty, modeSet, timeSet, gap, moved, overtaken].map(Number),
        inPlace,
      ].join('');
      return `${upload.path}/${content(upload.content)}/${content(base)}/${flags}/${ends.join('.')}/${[...handles].sort().join('.')}`;
    });
    return `${label}f[${content(found.committed)}|${uploads.join('|')}]`;
  };
  parts.push(node(ROOT));
  for (const key of [...world.handles.keys()].sort()) {
    const handle = world.handles.get(key);
    if (handle === undefined) continue;
    const views = handle.views.map((view) => (view === 'follow' ? view : content(view)));
    const upload = handle.upload === undefined ? undefined : world.uploads.get(handle.upload)?.content;
    parts.push(
      `${key}>${node(handle.node)} ${content(upload)} ${views.join(',')} ${handle.known} ${Number(handle.wrote)}${Number(handle.ended)}`,
    );
  }
  return parts.join('\n');
}

const keys = new WeakMap<Buffer, string>();

function bytesKey(bytes: Buffer): string {
  let key = keys.get(bytes);
  if (key === undefined) {
    key = bytes.toString('latin1');
    keys.set(bytes, key);
  }
  return key;
}
