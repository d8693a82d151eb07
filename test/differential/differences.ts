// What Latticeport does otherwise than OpenSSH's sftp-server on purpose. The differential test allows this and nothing else:
// the model (model.ts) asks `meant('…')` at each place where it does.

export const DIFFERENCES = {
  'own version':
    'A handle that truncates an existing file starts a version of its own: until its CLOSE the others see the old file by its name, and of two such versions the last that is closed is the file, whole. On a POSIX server the bytes of both are mixed, and everybody reads the half of a new file.',
  'old until CLOSE':
    'What is written to an existing file is seen by the handles that share the upload; by the name, and through handles for reading, others may see the old file until the CLOSE, since the new bytes are beside it until they are all there.',
  'read handle keeps its version':
    'A handle for reading may go on showing the version that it was opened on when another has been committed: a download never mixes two; the mode and times that it shows may be those of the file by now. On S3 it may be refused instead, since the old version may be gone.',
  'unlisted until CLOSE':
    'A new file may be missing from listings until its first CLOSE. STAT, OPEN and every name operation find it.',
  'uncommitted chmod is committed':
    'Mode and times that are set through a handle, or by the name of a file that is being written, are on the file at the latest from the CLOSE on.',
  'times set before the last write':
    'A time that was set through a handle, or while a handle was open, may stay although bytes are written later through it: clients set times before their last WRITE is answered, and mean them.',
  'stale writer':
    'Where another version of the file was committed since an upload began that did not truncate, or since it was stored while others shared it, the CLOSE of a handle that has changed something since fails, and nothing of that is stored; that of a handle that has not is answered OK. Nothing that was acknowledged is overwritten without one of the two saying so.',
  'shared and stored':
    'Once an upload that several handles share was stored, by the CLOSE of one of them, by SETSTAT with a size or by a name operation of somebody else, it is a change of that file. What is written through the others may be in the file at once (local), and then it stays whatever becomes of their sessions.',
  'copy onto itself':
    'copy-data between two handles of a session that are known by one path may be refused with FAILURE.',
  'a reader of what was given up':
    'A handle for reading on what is being written may fail once that upload has ended without a file. On a POSIX server it goes on with what was written.',
  'another process':
    'What a process does with a name that a session of another process (a worker that does not share, another node, another sftp-stdio) is writing may be unknown to that session until its CLOSE, which then fails, with nothing of it stored. A new file is there for other processes from its CLOSE on.',
  'a dead session':
    'What a session that dies was writing becomes the file up to the first gap (partialUploads: store) where nothing has happened to the name since its OPEN; otherwise, and with discard, it is dropped. A POSIX server leaves what was written in place.',
  'APPEND writes': 'APPEND without WRITE opens for writing; sftp-server opens such a file for reading only.',
  'a directory is no file': 'OPEN of a directory fails. sftp-server opens it, and every READ fails.',
  'RENAME onto itself': 'RENAME of a name onto itself does nothing; sftp-server answers FAILURE.',
  'short copy':
    'copy-data that meets the end of the file before its length answers EOF; sftp-server does so only past its first 64 KiB.',
  'status codes':
    'Where both fail the code may be FAILURE instead: of a READ or WRITE that the handle is not open for (NO_SUCH_FILE there), of a size set through a handle for reading (BAD_MESSAGE), of a directory moved into itself (BAD_MESSAGE) or linked (PERMISSION_DENIED), of a directory moved onto a file (NO_SUCH_FILE).',
  'hard links break':
    'Replacing the bytes of a file with several names may give them to the name that was opened alone; the others keep the old bytes.',
  'a link to what is written':
    'A hard link to a file that is being written may be refused, or lead to the bytes of the last CLOSE.',
} as const;

export type Difference = keyof typeof DIFFERENCES;

const used = new Set<Difference>();

/** Marks a place of the model; what is never marked in a whole run is in the list for nothing. */
export function meant(difference: Difference): boolean {
  used.add(difference);
  return true;
}

export function usedDifferences(): ReadonlySet<Difference> {
  return used;
}
