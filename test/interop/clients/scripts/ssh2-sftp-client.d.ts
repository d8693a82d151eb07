// What ssh2-client.ts uses of npm's ssh2-sftp-client, which has no types of its own.
declare module 'ssh2-sftp-client' {
  import type { ConnectConfig } from 'ssh2';

  export default class Client {
    connect(config: ConnectConfig): Promise<unknown>;
    fastPut(local: string, remote: string): Promise<string>;
    fastGet(remote: string, local: string): Promise<string>;
    put(
      source: NodeJS.ReadableStream,
      remote: string,
      options: { writeStreamOptions: { flags: string; start: number } },
    ): Promise<string>;
    get(
      remote: string,
      target: NodeJS.WritableStream,
      options: { readStreamOptions: { start: number } },
    ): Promise<unknown>;
    stat(remote: string): Promise<{ size: number }>;
    list(remote: string): Promise<{ name: string; longname: string }[]>;
    mkdir(remote: string): Promise<string>;
    rmdir(remote: string): Promise<string>;
    delete(remote: string): Promise<string>;
    rename(from: string, to: string): Promise<string>;
    end(): Promise<boolean>;
  }
}
