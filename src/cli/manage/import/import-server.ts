import type { ServerRecord } from '../../../state/records.ts';
import { CliError } from '../../cli-error.ts';
import type { ManagementApi } from '../api-client.ts';
import { listServers } from '../chosen-server.ts';
import { listSecurityPolicies } from '../security-policy-commands.ts';
import { describeServer, stateInWords, type ServerWithPorts } from '../server-commands.ts';
import { serverDifferences } from './differences.ts';
import type { Imported } from './imported.ts';
import { serverCounterpart, servesSftp, STANDS_FOR } from './server-counterpart.ts';
import type { TransferDocuments } from './transfer-documents.ts';

/** What the operator wants to be otherwise than there. */
export interface ImportChoices {
  readonly dryRun: boolean;
  /** The private host key of the server that is made. */
  readonly hostKey: string | null;
  readonly port: number | null;
  readonly securityPolicy: string | null;
}

/** The servers here that stand for one of Transfer Family, by its id there. Throws CliError. */
export async function standIns(api: ManagementApi): Promise<Map<string, ServerWithPorts>> {
  const found = new Map<string, ServerWithPorts>();
  for (const { ServerId } of await listServers(api)) {
    if (ServerId === undefined) continue;
    const described = await describeServer(api, ServerId);
    const standsFor = described.Tags?.find(({ Key }) => Key === STANDS_FOR)?.Value;
    if (standsFor !== undefined) found.set(standsFor, described);
  }
  return found;
}

/** Makes a server as the files have it, unless `here` stands for it already. Does not reject for what the API refuses. */
export async function importServer(
  api: ManagementApi,
  { serverId: name, described }: TransferDocuments['servers'][number],
  here: ServerWithPorts | undefined,
  choices: ImportChoices,
): Promise<Imported> {
  const { tags, noCounterpart, settings: asThere } = serverCounterpart(name, described);
  const settings: ServerRecord['settings'] = {
    ...asThere,
    ...(choices.securityPolicy !== null && { SecurityPolicyName: choices.securityPolicy }),
    ...(choices.port !== null && {
      ProtocolDetails: { ...asThere.ProtocolDetails, SftpPorts: [{ SftpPort: choices.port }] },
    }),
  };
  const imported = { kind: 'server', name, noCounterpart } as const;
  if (!servesSftp(described)) {
    return { ...imported, serverId: null, outcome: 'left out', notes: ['it does not serve SFTP'] };
  }
  const keyThere = typeof described['HostKeyFingerprint'] === 'string' ? described['HostKeyFingerprint'] : null;
  if (here !== undefined) {
    const standsIn = tags.filter(({ Key }) => Key !== STANDS_FOR || here.Tags?.some((tag) => tag.Key === STANDS_FOR));
    const differences = serverDifferences(settings, standsIn, here);
    const outcome = differences.length > 0 ? 'differs' : 'there already';
    const notes = [...differences, ...hostKeyNotes(keyThere, here)];
    return { ...imported, serverId: here.ServerId ?? null, outcome, notes };
  }
  const policy = settings.SecurityPolicyName;
  if (policy !== undefined && !(await listSecurityPolicies(api)).includes(policy)) {
    const notes = [`there is no security policy ${policy} here; choose one with --security-policy`];
    return { ...imported, serverId: null, outcome: 'failed', notes };
  }
  if (choices.dryRun) {
    const notes = choices.hostKey === null && keyThere !== null ? [bringHostKey(keyThere, 'SERVER')] : [];
    return { ...imported, serverId: null, outcome: 'would be made', notes };
  }
  let serverId: string | null = null;
  try {
    const answer = await api.call((transfer) =>
      transfer.createServer({
        ...settings,
        Tags: [...tags],
        ...(choices.hostKey !== null && { HostKey: choices.hostKey }),
      }),
    );
    const made = answer.ServerId ?? '';
    serverId = made;
    if (described['State'] === 'OFFLINE') await api.call((transfer) => transfer.stopServer({ ServerId: made }));
    const server = await describeServer(api, made);
    return { ...imported, serverId, outcome: 'made', notes: [stateInWords(server), ...hostKeyNotes(keyThere, server)] };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { ...imported, serverId, outcome: 'failed', notes: [error.message] };
  }
}

function hostKeyNotes(there: string | null, { HostKeyFingerprint: here, ServerId = '' }: ServerWithPorts): string[] {
  if (there === null || here === undefined || withoutPadding(there) === withoutPadding(here)) return [];
  return [bringHostKey(there, ServerId)];
}

function bringHostKey(there: string, serverId: string): string {
  return (
    `its host key there is ${there}, and Transfer Family does not give it out. If you have its file, partners notice ` +
    `nothing: latticeport host-key import --server ${serverId} FILE; then delete the one of its type that was made here`
  );
}

function withoutPadding(fingerprint: string): string {
  return fingerprint.replace(/=+$/, '');
}
