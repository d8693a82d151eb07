// What is done with files.
import { readFile, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { negotiated, upAndDown } from './algorithms.ts';
import { beginningOf, expectSame, randomFile } from './files.ts';
import type { InteropScenario } from './scenario.ts';
import { expect } from './scenario.ts';

const MIB = 1024 * 1024;
const once = () => [''];

/** Upload, list, rename, download, remove: a day of a file. */
export const files: InteropScenario = {
  name: 'files',
  title: 'mkdir, put, ls, rename, get, rm, rmdir; a file of no bytes',
  needs: ['mkdir', 'put', 'list', 'rename', 'get', 'remove', 'rmdir'],
  variants: once,
  setup: () => null,
  async run({ local, remote, mustRun }) {
    const small = await randomFile(local, 'small', 70_001);
    const empty = await randomFile(local, 'empty', 0);
    const listing = await mustRun([
      { do: 'mkdir', remote },
      { do: 'put', local: small, remote: `${remote}/first` },
      { do: 'put', local: empty, remote: `${remote}/nothing` },
      { do: 'rename', remote: `${remote}/first`, to: `${remote}/second` },
      { do: 'get', remote: `${remote}/second`, local: `${small}.back` },
      { do: 'get', remote: `${remote}/nothing`, local: `${empty}.back` },
      { do: 'list', remote },
    ]);
    for (const name of ['second', 'nothing']) expect(listing.stdout.includes(name), `no ${name} in the listing`);
    await expectSame(`${small}.back`, small);
    await expectSame(`${empty}.back`, empty);
    await mustRun([
      { do: 'remove', remote: `${remote}/second` },
      { do: 'remove', remote: `${remote}/nothing` },
      { do: 'rmdir', remote },
    ]);
  },
};

export const utf8Name: InteropScenario = {
  name: 'utf8-name',
  title: 'A name beyond ASCII',
  needs: ['put', 'get', 'rename', 'remove'],
  variants: once,
  setup: () => null,
  async run({ local, remote, server, mustRun }) {
    const sent = await randomFile(local, 'sent', 5000);
    const name = `${remote}-Grüße-日本-🗝`;
    await mustRun([
      { do: 'put', local: sent, remote: name },
      { do: 'get', remote: name, local: `${sent}.back` },
    ]);
    await expectSame(`${sent}.back`, sent);
    // On the server it has the name that was meant, not another spelling that only this client reads back.
    if (server !== null) expect((await readFile(join(server.root, name))).length === 5000, 'stored under another name');
    await mustRun([{ do: 'remove', remote: name }]);
  },
};

export const resumeUpload: InteropScenario = {
  name: 'resume-put',
  title: 'An upload taken up again',
  needs: ['put', 'get', 'resume-put'],
  variants: once,
  setup: () => null,
  async run({ local, remote, mustRun }) {
    const sent = await randomFile(local, 'sent', 3 * MIB + 17);
    const part = await beginningOf(sent, MIB + 5);
    await mustRun([
      { do: 'put', local: part, remote },
      { do: 'resume-put', local: sent, remote },
      { do: 'get', remote, local: `${sent}.back` },
    ]);
    await expectSame(`${sent}.back`, sent);
  },
};

export const resumeDownload: InteropScenario = {
  name: 'resume-get',
  title: 'A download taken up again',
  needs: ['put', 'resume-get'],
  variants: once,
  setup: () => null,
  async run({ local, remote, mustRun }) {
    const sent = await randomFile(local, 'sent', 3 * MIB + 17);
    const part = await beginningOf(sent, MIB + 5);
    await copyFile(part, `${sent}.back`);
    await mustRun([
      { do: 'put', local: sent, remote },
      { do: 'resume-get', remote, local: `${sent}.back` },
    ]);
    await expectSame(`${sent}.back`, sent);
  },
};

export const largeFile: InteropScenario = {
  name: 'large',
  title: 'A file of 32 MiB',
  needs: ['put', 'get'],
  variants: once,
  setup: () => null,
  async run(cell) {
    await upAndDown(cell, 32 * MIB);
  },
};

export const rekey: InteropScenario = {
  name: 'rekey',
  title: 'New keys every MiB while 12 MiB go up and down',
  needs: ['put', 'get'],
  variants: once,
  setup: () => ({ name: 'rekey every MiB', options: { config: { rekey: { bytes: MIB, seconds: 3600 } } } }),
  async run(cell) {
    await upAndDown(cell, 12 * MIB);
    const count = negotiated(cell, 'session.rekeyed').length;
    // more than a MiB can go by while keys are exchanged
    expect(count >= 6, `only ${count} rekeys`);
  },
};
