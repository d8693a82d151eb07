import { readAttributes } from '../attributes.ts';
import { OK, type Reply } from '../reply.ts';
import { readPath, readText, type PlainRow, type RequestContext } from '../request.ts';
import type { SshReader } from '../../wire/reader.ts';
import type { Plan } from '../request.ts';
import { setPathAttributes } from './set-attributes.ts';

/** §6.8: string path. Follows symbolic links. */
export const stat = statRow('stat', { followSymlinks: true });

/** §6.8: string path. Does not follow a symbolic link. */
export const lstat = statRow('lstat', { followSymlinks: false });

function statRow(name: string, options: { readonly followSymlinks: boolean }): PlainRow {
  return {
    packet: 'plain',
    name,
    permission: 'none',
    writes: false,
    prepare: (context, reader) => {
      const path = readPath(context, reader);
      return {
        onlyLooks: true,
        handles: context.handles.writersAt(path),
        run: async () => ({ kind: 'attributes', entry: await context.view.stat(path, options) }),
      };
    },
  };
}

/** §6.9: string path, ATTRS. */
export const setstat: PlainRow = {
  packet: 'plain',
  name: 'setstat',
  permission: 'setAttributes',
  writes: true,
  prepare: (context, reader) => prepareSetstat(context, reader, { followSymlinks: true }),
};

/** Also the extension lsetstat, which differs in the link only. */
export function prepareSetstat(
  context: RequestContext,
  reader: SshReader,
  options: { readonly followSymlinks: boolean },
): Plan {
  const path = readPath(context, reader);
  const requested = readAttributes(reader, context.owners);
  return {
    // One file is meant, by its name here and by its handle in WRITE: neither may overtake the other.
    handles: context.handles.writersAt(path),
    action: () => ({ kind: 'setstat', path, ...requested }),
    run: async () => {
      await setPathAttributes(context, path, requested, options);
      return OK;
    },
  };
}

/** §6.5: string filename. Files and symbolic links only. */
export const remove: PlainRow = {
  packet: 'plain',
  name: 'remove',
  permission: 'delete',
  writes: true,
  prepare: (context, reader) => {
    const path = readPath(context, reader);
    return {
      handles: context.handles.writersAt(path),
      action: () => ({ kind: 'remove', path }),
      run: async () => {
        await context.view.remove(path);
        return OK;
      },
    };
  },
};

/** §6.5: string oldpath, string newpath. Fails where the new name exists. */
export const rename: PlainRow = {
  packet: 'plain',
  name: 'rename',
  permission: 'rename',
  writes: true,
  prepare: (context, reader) => prepareRename(context, reader, { overwrite: false }),
};

/** Also the extension posix-rename, which overwrites. */
export function prepareRename(
  context: RequestContext,
  reader: SshReader,
  { overwrite }: { readonly overwrite: boolean },
): Plan {
  const path = readPath(context, reader);
  const target = readPath(context, reader);
  return {
    // A file that is open moves with what was written to it before, and what comes after it finds it there.
    handles: [...new Set([...context.handles.writersWithin(path), ...context.handles.writersAt(target)])],
    action: () => ({ kind: 'rename', path, target, overwrite }),
    run: async () => {
      await context.view.rename(path, target, { overwrite, signal: context.ended });
      context.handles.renamed(path, target);
      return OK;
    },
  };
}

/**
 * §6.11: string path. The answer is the absolute path without links, as OpenSSH has it; whether anything is there or not,
 * which it has not. The client's '.' is the home.
 */
export const realpath: PlainRow = {
  packet: 'plain',
  name: 'realpath',
  permission: 'none',
  writes: false,
  prepare: (context, reader) => {
    const path = readText(reader);
    return { onlyLooks: true, run: async () => onePath(await context.view.realpath(path)) };
  },
};

/** §6.10: string path. */
export const readlink: PlainRow = {
  packet: 'plain',
  name: 'readlink',
  permission: 'none',
  writes: false,
  prepare: (context, reader) => {
    const path = readPath(context, reader);
    return { onlyLooks: true, run: async () => onePath(await context.view.readlink(path)) };
  },
};

/**
 * §6.10 says string linkpath, string targetpath. OpenSSH has them the other way round since its beginning, and every
 * client that matters with it: string targetpath, string linkpath.
 */
export const symlink: PlainRow = {
  packet: 'plain',
  name: 'symlink',
  permission: 'write',
  writes: true,
  prepare: (context, reader) => {
    const target = readText(reader);
    const path = readPath(context, reader);
    return {
      action: () => ({ kind: 'symlink', path, target }),
      run: async () => {
        await context.view.symlink(target, path);
        return OK;
      },
    };
  },
};

/** NAME with one path and no attributes. */
export function onePath(path: string): Reply {
  return { kind: 'name', names: [{ name: path, longName: path, entry: undefined }] };
}
