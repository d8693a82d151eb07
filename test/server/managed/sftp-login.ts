// A user at the other end, with ssh2's client.
import { Client, type SFTPWrapper } from 'ssh2';

type Callback<Result> = (error: Error | null | undefined, result?: Result) => void;

/** One login and its SFTP session. Every method rejects with the server's words. */
export class SftpLogin {
  readonly #client: Client;
  readonly #sftp: SFTPWrapper;
  /** Whether the connection is over. */
  ended = false;

  private constructor(client: Client, sftp: SFTPWrapper) {
    this.#client = client;
    this.#sftp = sftp;
    client.on('error', () => undefined);
    client.on('close', () => (this.ended = true));
  }

  /** Rejects where the login is refused. */
  static async open(port: number, username: string, privateKey: string, host = '127.0.0.1'): Promise<SftpLogin> {
    const client = new Client();
    await new Promise<void>((resolve, reject) => {
      client.on('ready', resolve);
      client.on('error', reject);
      client.connect({ host, port, username, privateKey });
    });
    try {
      return new SftpLogin(client, await called<SFTPWrapper>((callback) => client.sftp(callback)));
    } catch (error) {
      client.end();
      throw error;
    }
  }

  cwd(): Promise<string> {
    return called((callback) => {
      this.#sftp.realpath('.', callback);
    });
  }

  async names(path: string): Promise<string[]> {
    const entries = await called<readonly { readonly filename: string }[]>((callback) => {
      this.#sftp.readdir(path, callback);
    });
    return entries.map(({ filename }) => filename);
  }

  async get(path: string): Promise<string> {
    return String(
      await called<Buffer>((callback) => {
        this.#sftp.readFile(path, callback);
      }),
    );
  }

  async put(path: string, text: string): Promise<void> {
    await called((callback) => {
      this.#sftp.writeFile(path, text, callback);
    }, true);
  }

  /** Opens a file for writing, and leaves it open. */
  async hold(path: string): Promise<void> {
    await called<Buffer>((callback) => {
      this.#sftp.open(path, 'w', callback);
    });
  }

  async mkdir(path: string): Promise<void> {
    await called((callback) => {
      this.#sftp.mkdir(path, callback);
    }, true);
  }

  async rename(from: string, to: string): Promise<void> {
    await called((callback) => {
      this.#sftp.rename(from, to, callback);
    }, true);
  }

  async remove(path: string): Promise<void> {
    await called((callback) => {
      this.#sftp.unlink(path, callback);
    }, true);
  }

  async setTimes(path: string, seconds: number): Promise<void> {
    await called((callback) => {
      this.#sftp.utimes(path, seconds, seconds, callback);
    }, true);
  }

  end(): void {
    this.#client.end();
  }
}

function called<Result>(call: (callback: Callback<Result>) => unknown, empty = false): Promise<Result> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error) reject(error);
      else if (result === undefined && !empty) reject(new Error('no answer'));
      else resolve(result as Result);
    });
  });
}
