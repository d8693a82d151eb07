// Sequences that random play has found, as small as they got: what was answered or left once was wrong.

export interface Found {
  readonly name: string;
  /** As a failure is told, without what was answered. */
  readonly text: string;
}

export const FOUND: readonly Found[] = [
  {
    name: 'times set through a handle that shares an unchanged file make no other version of it',
    text: `
seed 2379, partialUploads discard, at first: e/z 0×'a'
   1: open slot=0 e/z WRITE mode=0600
   1: open slot=1 e/z WRITE|APPEND
   1: fsetstat slot=0 change={"mode":384,"mtime":1200000000}
   1: close slot=0
   1: write slot=1 offset=10 length=10 of '*'
   1: close slot=1`,
  },
  {
    name: 'of two files that are only open one takes the name of the other, and its session dies',
    text: `
seed 2451, partialUploads store, at first:
   1: open slot=0 e/z WRITE|CREAT|TRUNC
   1: open slot=1 d/x WRITE|CREAT
   2: posix-rename e/z d/x
   1: open slot=0 e/x WRITE mode=0644, and at once disconnect
   0: lstat d/x`,
  },
  {
    name: 'a mode that is set by another of the names holds for an upload that begins anew',
    text: `
seed 2609, partialUploads store, at first: d/x 100×'J'
   1: hardlink d/x d/y
   0: open slot=0 d/y READ|WRITE|APPEND|TRUNC
   1: setstat d/x change={"mode":493,"mtime":1400000000}
   0: open slot=1 d/y READ
   0: fstat slot=1`,
  },
  {
    name: 'a mode that is set through a reader of another of the names holds for an upload',
    text: `
seed 4132, partialUploads store, at first: d/x 100×'R'
   2: hardlink d/x e/z
   1: open slot=1 d/x READ mode=0600
   2: open slot=0 e/z APPEND|CREAT
   2: write slot=0 offset=0 length=4 of '+'
   1: fsetstat slot=1 change={"mode":384}
   2: fstat slot=0`,
  },
  {
    name: 'a time that is set by another of the names holds for an upload that changes the file',
    text: `
seed 4169, partialUploads store, at first: d/x 20×'Z'
   1: hardlink d/x d/z
   1: open slot=0 d/x WRITE|APPEND|CREAT
   1: posix-rename d/z e/z
   1: write slot=0 offset=0 length=30 of ')'
   0: setstat e/z change={"mtime":1000000000}`,
  },
  {
    name: 'a time that is set by name holds for all who are writing a new file',
    text: `
seed 2696, partialUploads store, at first:
   1: open slot=0 d/x WRITE|CREAT|TRUNC
   0: open slot=1 d/x WRITE|CREAT|TRUNC
   1: posix-rename d/x d/y
   2: setstat d/y change={"mtime":1200000000}`,
  },
  {
    name: 'a new file is renamed over a stored one, and its session dies having left a gap',
    text: `
seed 11740, partialUploads store, at first: e/x 0×'S'
   2: open slot=1 d/y WRITE|CREAT|TRUNC
   2: fsetstat slot=1 change={"mtime":1400000000}
   1: posix-rename d/y e/x
   2: write slot=1 offset=10 length=4 of '/'
   2: disconnect`,
  },
  {
    name: 'a time that is set by another of the names is nothing to a change of what had the name',
    text: `
seed 11218, partialUploads store, at first: d/y 100×'@'
   0: open slot=1 d/y READ|TRUNC mode=0600
   1: hardlink d/y e/z
   1: open slot=0 d/y WRITE
   1: write slot=0 offset=30 length=1 of '/'
   0: close slot=1
   1: setstat e/z change={"mtime":1200000000}
   1: fstat slot=0`,
  },
  {
    name: 'another name of the file that was opened, unchanged, is seen to have other times',
    text: `
seed 11218, partialUploads store, at first: d/y 100×'@'
   0: open slot=1 d/y READ|TRUNC mode=0600
   1: open slot=0 d/y WRITE
   1: hardlink d/y e/z
   0: close slot=1
   1: setstat e/z change={"mtime":1200000000}
   1: fstat slot=0`,
  },
  {
    name: 'a file is read at the moment in which its upload is closed',
    text: `
seed 12488, partialUploads store, at first:
   0: open slot=0 e/y READ|CREAT|TRUNC|EXCL
   1: open slot=1 e/y READ
   0: close slot=0  || (2 turns later) 1: read slot=1 offset=50 length=4
   0: stat e/y`,
  },
  {
    name: 'a file is read at the moment in which the session that writes it dies',
    text: `
seed 12488, partialUploads store, at first:
   0: open slot=0 e/y WRITE|CREAT
   0: write slot=0 offset=0 length=100 of 'x'
   1: open slot=1 e/y READ
   0: disconnect
   1: read slot=1 offset=50 length=4`,
  },
  {
    name: 'who has a file open that has lost one of its names sees what is set by the other',
    text: `
seed 20367, partialUploads store, at first: d/y 5×'?'
   0: setstat d/y change={"mode":416}
   1: hardlink d/y d/z
   0: open slot=0 d/z WRITE|APPEND
   0: remove d/z
   0: setstat d/y change={"mode":420}
   0: fstat slot=0
   0: write slot=0 offset=150 length=1 of ')'
   0: fstat slot=0`,
  },
  {
    name: 'a removed file is written when its directory has been replaced',
    text: `
seed 20898, partialUploads discard, at first: e/x 5×')'
   0: open slot=0 e/x READ|WRITE mode=0600
   0: remove e/x
   0: posix-rename d e
   0: write slot=0 offset=3 length=10 of ')'
   0: read slot=0 offset=0 length=30
   0: close slot=0`,
  },
  {
    name: 'the directory of a removed file can be removed while the file is being written',
    text: `
seed 1, partialUploads store, at first: e/x 5×')'
   0: open slot=0 e/x READ|WRITE
   0: write slot=0 offset=3 length=10 of ')'
   1: open slot=0 e/y READ|WRITE|CREAT|TRUNC
   1: write slot=0 offset=0 length=10 of 'y'
   0: remove e/x
   0: remove e/y
   0: rmdir e
   0: write slot=0 offset=20 length=10 of '*'
   0: read slot=0 offset=0 length=100
   1: write slot=0 offset=20 length=10 of '*'
   1: read slot=0 offset=0 length=100
   1: close slot=0`,
  },
  {
    name: 'a mode that is set by another name holds for an upload that will take the place of a newer file',
    text: `
seed 21472, partialUploads store, at first: d/y 20×'7'
   0: open slot=0 d/y READ|WRITE
   0: write slot=0 offset=150 length=30 of ')'
   2: open slot=0 d/y WRITE|CREAT|TRUNC
   1: hardlink d/y d/x
   1: setstat d/x change={"mode":384,"mtime":1200000000}`,
  },
  {
    name: 'what was written in place is another version for who has begun to replace the one before',
    text: `
seed 21914, partialUploads store, at first: e/x 0×'|'
   1: open slot=0 e/z WRITE|CREAT|TRUNC
   0: posix-rename e/z e/x
   1: open slot=1 e/x READ|APPEND|TRUNC
   1: write slot=0 offset=150 length=30 of ')'
   1: close slot=0
   1: posix-rename e/x e/z
   1: open slot=0 e/z WRITE mode=0755
   1: close slot=1
   1: write slot=0 offset=10 length=10 of '+'`,
  },
  {
    name: 'an upload that was renamed and then stored is kept when its session dies',
    text: `
seed 20514, partialUploads store, at first: d/y 100×'<'
   0: open slot=0 d/y WRITE mode=0644
   0: write slot=0 offset=30 length=1 of ')'
   0: open slot=2 d/y READ|APPEND|CREAT
   1: posix-rename d/y d/z
   0: close slot=0
   0: write slot=2 offset=10 length=30 of '-'
   0: disconnect`,
  },
  {
    name: 'an upload that was stored over another one is kept when its session dies',
    text: `
seed 22519, partialUploads store, at first:
   0: open slot=0 e/y WRITE|CREAT|TRUNC
   0: posix-rename e/y d/z
   0: open slot=1 d/z WRITE
   0: open slot=2 d/z READ|APPEND|TRUNC
   0: write slot=0 offset=0 length=100 of '+'
   0: close slot=2
   0: close slot=0
   0: write slot=1 offset=0 length=4 of ','
   0: disconnect`,
  },
  {
    name: 'who has a file open and has not changed it can write when it is removed, or replaced and renamed',
    text: `
seed 1, partialUploads store, at first: d/x 100×'@', d/y 50×'#', e/x 100×'%', e/y 100×'a'
   0: open slot=0 d/x WRITE
   0: open slot=1 e/x READ|WRITE
   1: open slot=0 d/y WRITE
   1: open slot=1 e/y WRITE
   1: remove d/x
   1: remove e/x
   2: open slot=0 e/y WRITE|CREAT|TRUNC
   2: close slot=0
   2: posix-rename e/y d/y
   0: write slot=0 offset=30 length=4 of '+'
   0: fstat slot=0
   0: write slot=1 offset=30 length=4 of '+'
   0: read slot=1 offset=0 length=1000
   1: write slot=0 offset=50 length=10 of '-'
   1: write slot=1 offset=50 length=10 of '-'
   0: close slot=0
   1: close slot=0
   1: close slot=1`,
  },
  {
    name: 'a file that was removed is read',
    text: `
seed 50019, partialUploads discard, at first: d/y 20×'<'
   2: open slot=1 d/y READ mode=0644
   0: remove d/y
   2: read slot=1 offset=0 length=30`,
  },
];
