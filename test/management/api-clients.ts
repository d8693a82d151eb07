// The clients that people drive Transfer Family with, unmodified: the aws CLI, boto3, and the SDK for JavaScript.
import { spawn } from 'node:child_process';
import * as transfer from '@aws-sdk/client-transfer';
import type { AccessKeyRecord } from '../../src/state/records.ts';
import { findPeer, type Peer, type PeerName } from '../peers/peers.ts';

export interface ClientTarget {
  readonly endpoint: string;
  readonly key: Pick<AccessKeyRecord, 'accessKeyId' | 'secretAccessKey'>;
  /** The file of an authority to trust. */
  readonly caFile?: string;
}

/** What the client understood: an answer, or the name of the exception with what it says. */
export type ClientOutcome =
  { readonly output: Readonly<Record<string, unknown>> } | { readonly exception: string; readonly message: string };

export interface ApiClient {
  readonly name: string;
  readonly peer: PeerName | null;
  call(target: ClientTarget, operation: string, input: object): Promise<ClientOutcome>;
}

type Command = new (input: object) => Parameters<transfer.TransferClient['send']>[0];

const sdk: ApiClient = {
  name: 'the SDK for JavaScript',
  peer: null,
  async call({ endpoint, key }, operation, input) {
    const client = new transfer.TransferClient({ endpoint, region: 'us-east-1', credentials: key, maxAttempts: 1 });
    const commands = transfer as unknown as Readonly<Record<string, Command>>;
    try {
      const { $metadata: _, ...output } = await client.send(new commands[`${operation}Command`]!(input));
      return { output: output };
    } catch (error) {
      const { name, message } = error as Error;
      const known = (transfer as unknown as Readonly<Record<string, unknown>>)[name];
      // An exception of the model is an object of its class.
      if (typeof known === 'function' && !(error instanceof known)) throw new Error(`no ${name}`, { cause: error });
      return { exception: name, message };
    } finally {
      client.destroy();
    }
  },
};

const BOTO3 = `
import boto3, json, re, sys
from botocore.config import Config
from botocore.exceptions import ClientError
endpoint, operation, given = sys.argv[1:4]
config = Config(retries={"max_attempts": 0})
client = boto3.client("transfer", region_name="us-east-1", endpoint_url=endpoint, config=config)
method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
try:
    answer = getattr(client, method)(**json.loads(given))
    answer.pop("ResponseMetadata")
    print(json.dumps({"output": answer}, default=lambda date: date.isoformat()))
except ClientError as error:
    code = error.response["Error"]["Code"]
    known = client.exceptions.from_code(code)
    assert isinstance(error, known)
    print(json.dumps({"exception": code, "message": error.response["Error"]["Message"]}))
`;

const boto3: ApiClient = {
  name: 'boto3',
  peer: 'boto3',
  async call(target, operation, input) {
    const { stdout, stderr } = await run(
      peerOf('boto3'),
      ['-c', BOTO3, target.endpoint, operation, JSON.stringify(input)],
      target,
    );
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as ClientOutcome;
  },
};

const cli: ApiClient = {
  name: 'the aws CLI',
  peer: 'aws-cli',
  async call(target, operation, input) {
    const command = operation.replaceAll(/(?<!^)(?=[A-Z])/g, '-').toLowerCase();
    const { stdout, stderr, status } = await run(
      peerOf('aws-cli'),
      [
        'transfer',
        command,
        '--endpoint-url',
        target.endpoint,
        '--output',
        'json',
        '--cli-input-json',
        JSON.stringify(input),
      ],
      target,
    );
    if (status === 0) return { output: (stdout.trim() === '' ? {} : JSON.parse(stdout)) as Record<string, unknown> };
    const [, exception, message] =
      /An error occurred \((\w+)\) when calling the \w+ operation[^:]*: ([^]*)/.exec(stderr) ?? [];
    if (exception === undefined || message === undefined) throw new Error(stderr);
    return { exception, message: message.trim() };
  },
};

export const API_CLIENTS: readonly ApiClient[] = [sdk, boto3, cli];

function peerOf(name: PeerName): Peer {
  const peer = findPeer(name);
  if (peer === null) throw new Error(`${name} is not there`);
  return peer;
}

function run(
  { command }: Peer,
  parameters: readonly string[],
  { key, caFile }: ClientTarget,
): Promise<{ readonly stdout: string; readonly stderr: string; readonly status: number | null }> {
  const [program = '', ...first] = command;
  const child = spawn(program, [...first, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_MAX_ATTEMPTS: '1',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_PAGER: '',
      ...(caFile === undefined ? {} : { AWS_CA_BUNDLE: caFile }),
    },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ stdout, stderr, status });
    });
  });
}
