import type { ListedServer } from '@aws-sdk/client-transfer';
import type { ServerRecord } from '../../state/records.ts';
import { CliError } from '../cli-error.ts';
import type { ManagementApi } from './api-client.ts';

/** All servers, in the API's order. */
export function listServers(api: ManagementApi): Promise<ListedServer[]> {
  return api.all(async (transfer, NextToken) => {
    const answer = await transfer.listServers({ NextToken });
    return { items: answer.Servers, next: answer.NextToken };
  });
}

/** The id of the server that is meant: the given one, else the only one. Throws CliError where there are none or several. */
export async function chosenServer(api: ManagementApi, given: string | undefined): Promise<ServerRecord['serverId']> {
  if (given !== undefined) return given;
  const ids = (await listServers(api)).flatMap(({ ServerId }) => ServerId ?? []);
  const [only] = ids;
  if (only === undefined) throw new CliError('there is no server: make one with latticeport server create');
  if (ids.length > 1) {
    const named = ids.slice(0, 10).join(', ');
    throw new CliError(`which server? There are ${ids.length}: ${named}${ids.length > 10 ? ', …' : ''}`);
  }
  return only;
}
