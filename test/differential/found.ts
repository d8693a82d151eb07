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
];
