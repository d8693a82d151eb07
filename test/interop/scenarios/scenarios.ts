import { hostKey, keyExchange, refusedKex, wrongHostKey } from './algorithms.ts';
import { password, publicKey } from './authentication.ts';
import type { InteropScenario } from './scenario.ts';
import { files, largeFile, rekey, resumeDownload, resumeUpload, utf8Name } from './transfers.ts';

export const allScenarios: readonly InteropScenario[] = [
  files,
  utf8Name,
  resumeUpload,
  resumeDownload,
  largeFile,
  rekey,
  publicKey,
  password,
  hostKey,
  wrongHostKey,
  keyExchange,
  refusedKex,
];
