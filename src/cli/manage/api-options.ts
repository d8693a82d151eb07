import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { quoted } from '../../policy/config-error.ts';
import { CliError } from '../cli-error.ts';

/** The options that every command of the management API has. */
export interface ApiOptions {
  readonly endpointUrl?: string;
  readonly caFile?: string;
  readonly region?: string;
  readonly json: boolean;
}

/** Where the API is, and who calls it. */
export interface ApiAccess {
  readonly url: URL;
  /** Certificates in PEM of whom to trust, beside nobody; null: whom Node trusts. */
  readonly ca: string | null;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Adds the options of `ApiOptions`. */
export function addApiOptions(command: Command): Command {
  return command
    .option('--endpoint-url <url>', 'the management API (default: AWS_ENDPOINT_URL_TRANSFER, then AWS_ENDPOINT_URL)')
    .option('--ca-file <file>', 'trust the certificates of this file only (default: AWS_CA_BUNDLE)')
    .option('--region <region>', 'signed with the request; any is accepted (default: AWS_REGION, then us-east-1)')
    .option('--json', 'print JSON', false);
}

/**
 * What the options and the environment say. No configuration file of the AWS CLI is read: the endpoint of another account there
 * must not be changed by mistake. Throws CliError for what is missing.
 */
export function apiAccess(options: ApiOptions, environment: NodeJS.ProcessEnv): ApiAccess {
  const given = (name: string): string | undefined => (environment[name] === '' ? undefined : environment[name]);
  const endpoint = options.endpointUrl ?? given('AWS_ENDPOINT_URL_TRANSFER') ?? given('AWS_ENDPOINT_URL');
  if (endpoint === undefined) {
    throw new CliError('where is the management API? Give --endpoint-url, or set AWS_ENDPOINT_URL_TRANSFER');
  }
  const accessKeyId = given('AWS_ACCESS_KEY_ID');
  const secretAccessKey = given('AWS_SECRET_ACCESS_KEY');
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new CliError('set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to an access key of the management API');
  }
  const caFile = options.caFile ?? given('AWS_CA_BUNDLE');
  return {
    url: endpointUrl(endpoint),
    ca: caFile === undefined ? null : readText(caFile),
    region: options.region ?? given('AWS_REGION') ?? given('AWS_DEFAULT_REGION') ?? 'us-east-1',
    accessKeyId,
    secretAccessKey,
  };
}

/** The text of a file. Throws CliError. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function endpointUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new CliError(`the endpoint ${quoted(text)} is no URL such as https://sftp.example.com:8443`);
  }
  return url;
}
