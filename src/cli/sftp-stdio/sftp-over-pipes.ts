import type { Readable, Writable } from 'node:stream';
import { SftpSession, type SftpSessionOptions } from '../../sftp/session.ts';
import type { UserView } from '../../vfs/user-view.ts';

export interface SftpStdioStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Ends the session as a lost connection does (SIGTERM). */
  readonly signal?: AbortSignal;
}

/** Bytes from the client that may wait for a slow store before its pipe is left unread. */
const READ_AHEAD_BYTES = 2 * 1024 * 1024;

/** Answers up to this many bytes are copied together: cheaper than the list that writev(2) wants. */
const COPIED_BYTES = 8 * 1024;

/** One SFTP session over a pair of pipes; answers the exit status when everything is answered and closed. */
export function serveOverPipes(
  view: UserView,
  options: SftpSessionOptions,
  { stdin, stdout, signal }: SftpStdioStreams,
): Promise<number> {
  return new Promise((resolve) => {
    let waiting = 0;
    const session = new SftpSession(
      {
        write: (chunks) => {
          let bytes = 0;
          for (const chunk of chunks) bytes += chunk.length;
          if (chunks.length > 1 && bytes <= COPIED_BYTES) return stdout.write(Buffer.concat(chunks, bytes));
          let more = true;
          stdout.cork();
          for (const chunk of chunks) more = stdout.write(chunk);
          stdout.uncork();
          return more;
        },
        consumed: (bytes) => {
          waiting -= bytes;
          if (waiting < READ_AHEAD_BYTES && stdin.isPaused()) stdin.resume();
        },
        close: (exitStatus) => {
          // What is under way in the pipe leaves before the process may.
          stdout.write('', () => {
            finish(exitStatus);
          });
        },
      },
      view,
      options,
    );
    let finished = false;
    const finish = (exitStatus: number): void => {
      if (finished) return;
      finished = true;
      stdin.destroy();
      resolve(exitStatus);
    };
    const lost = (reason: string): void => {
      void session.abort(reason).then(() => {
        finish(1);
      });
    };
    stdin.on('data', (chunk: Buffer) => {
      waiting += chunk.length;
      if (waiting >= READ_AHEAD_BYTES) stdin.pause();
      session.receive(chunk);
    });
    stdin.on('end', () => {
      session.end();
    });
    stdin.on('error', (error) => {
      lost(error.message);
    });
    stdout.on('error', (error) => {
      lost(error.message);
    });
    stdout.on('drain', () => {
      session.drained();
    });
    signal?.addEventListener('abort', () => {
      lost('stopped by a signal');
    });
  });
}
