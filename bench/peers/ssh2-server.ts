// The server of npm's ssh2 with the handler that its users write: one fs call a request, nothing clever.
// Its argument is a JSON object; it prints its port.
import { close, fstat, mkdir, open, read, readdir, rename, rmdir, stat, unlink, write } from 'node:fs';
import type { Stats } from 'node:fs';
import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import type { Attributes, Connection, SFTPWrapper } from 'ssh2';
import ssh2 from 'ssh2';

interface Job {
  readonly hostKey: string;
  readonly user: string;
  readonly publicKey: string;
  readonly root: string;
  readonly noDelay: boolean;
}

const job = JSON.parse(process.argv[2] ?? '{}') as Job;
const { STATUS_CODE, flagsToString } = ssh2.utils.sftp;
const allowed = ssh2.utils.parseKey(job.publicKey);
if (allowed instanceof Error) throw allowed;

const server = new ssh2.Server({ hostKeys: [readFileSync(job.hostKey)] }, (client) => {
  // documented for both sides, typed for the client only
  const connection: Connection & { setNoDelay?: (on: boolean) => void } = client;
  if (job.noDelay) connection.setNoDelay?.(true);
  client.on('error', () => undefined);
  client.on('authentication', (context) => {
    const known =
      context.method === 'publickey' &&
      context.username === job.user &&
      context.key.data.equals(allowed.getPublicSSH()) &&
      (context.signature === undefined ||
        context.blob === undefined ||
        allowed.verify(context.blob, context.signature, context.hashAlgo));
    if (known) context.accept();
    else context.reject(['publickey']);
  });
  client.on('ready', () => {
    client.on('session', (accept) => {
      const session = accept();
      session.on('sftp', (acceptSftp) => {
        serve(acceptSftp());
      });
    });
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${address !== null && typeof address === 'object' ? address.port : 0}\n`);
});

function serve(sftp: SFTPWrapper): void {
  const listings = new Map<number, string[] | null>();
  let nextListing = 1_000_000;
  const path = (name: string): string => join(job.root, normalize(`/${name}`));
  const handle = (fd: number): Buffer => {
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32BE(fd);
    return buffer;
  };
  const done =
    (id: number) =>
    (error: NodeJS.ErrnoException | null): void => {
      sftp.status(
        id,
        error === null ? STATUS_CODE.OK : error.code === 'ENOENT' ? STATUS_CODE.NO_SUCH_FILE : STATUS_CODE.FAILURE,
      );
    };
  const attributes = (stats: Stats): Attributes => ({
    mode: stats.mode,
    uid: stats.uid,
    gid: stats.gid,
    size: stats.size,
    atime: Math.floor(stats.atimeMs / 1000),
    mtime: Math.floor(stats.mtimeMs / 1000),
  });
  const answerStat =
    (id: number) =>
    (error: NodeJS.ErrnoException | null, stats: Stats): void => {
      if (error === null) sftp.attrs(id, attributes(stats));
      else done(id)(error);
    };

  // Without this OpenSSH's sftp waits for the end of the channel for ever.
  sftp.on('end', () => {
    sftp.end();
  });
  sftp.on('OPEN', (id, name, flags) => {
    open(path(name), flagsToString(flags) ?? 'r', (error, fd) => {
      if (error === null) sftp.handle(id, handle(fd));
      else done(id)(error);
    });
  });
  sftp.on('READ', (id, fd, offset, length) => {
    read(fd.readUInt32BE(), Buffer.allocUnsafe(length), 0, length, offset, (error, bytes, buffer) => {
      if (error !== null) done(id)(error);
      else if (bytes === 0) sftp.status(id, STATUS_CODE.EOF);
      else sftp.data(id, buffer.subarray(0, bytes));
    });
  });
  sftp.on('WRITE', (id, fd, offset, data) => {
    write(fd.readUInt32BE(), data, 0, data.length, offset, (error) => {
      done(id)(error);
    });
  });
  sftp.on('CLOSE', (id, fd) => {
    if (listings.delete(fd.readUInt32BE())) sftp.status(id, STATUS_CODE.OK);
    else close(fd.readUInt32BE(), done(id));
  });
  sftp.on('FSTAT', (id, fd) => {
    fstat(fd.readUInt32BE(), answerStat(id));
  });
  for (const event of ['STAT', 'LSTAT'] as const) {
    sftp.on(event, (id: number, name: string) => {
      stat(path(name), answerStat(id));
    });
  }
  for (const event of ['SETSTAT', 'FSETSTAT'] as const) {
    sftp.on(event, (id: number) => {
      sftp.status(id, STATUS_CODE.OK);
    });
  }
  sftp.on('REALPATH', (id, name) => {
    const real = normalize(`/${name}`);
    sftp.name(id, [
      { filename: real, longname: real, attrs: { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 } },
    ]);
  });
  sftp.on('OPENDIR', (id, name) => {
    readdir(path(name), (error, names) => {
      if (error !== null) {
        done(id)(error);
        return;
      }
      nextListing += 1;
      listings.set(
        nextListing,
        names.map((entry) => join(path(name), entry)),
      );
      sftp.handle(id, handle(nextListing));
    });
  });
  sftp.on('READDIR', (id, fd) => {
    const key = fd.readUInt32BE();
    const names = listings.get(key)?.splice(0, 100) ?? [];
    if (names.length === 0) {
      sftp.status(id, STATUS_CODE.EOF);
      return;
    }
    let left = names.length;
    const entries = names.map((name) => ({
      filename: name.slice(name.lastIndexOf('/') + 1),
      longname: '',
      attrs: {} as Attributes,
    }));
    names.forEach((name, index) => {
      stat(name, (error, stats) => {
        const entry = entries[index];
        if (error === null && entry !== undefined) {
          entry.attrs = attributes(stats);
          entry.longname = `-rw-r--r-- 1 0 0 ${stats.size} Jan 1 00:00 ${entry.filename}`;
        }
        left -= 1;
        if (left === 0) sftp.name(id, entries);
      });
    });
  });
  sftp.on('REMOVE', (id, name) => {
    unlink(path(name), done(id));
  });
  sftp.on('MKDIR', (id, name) => {
    mkdir(path(name), done(id));
  });
  sftp.on('RMDIR', (id, name) => {
    rmdir(path(name), done(id));
  });
  sftp.on('RENAME', (id, from, to) => {
    rename(path(from), path(to), done(id));
  });
}
