/** Members of the service that the model's copy does not have yet: ports of a server, and the header of a proxy before SSH. */
const MEMBERS_OF_OURS = {
  ProtocolDetails: { SftpPorts: 'SftpPorts', ProxyConfig: 'ProxyConfig' },
} as const;

/** Which ports can really be had is the node's to say. Answers have no shapes: nothing is checked by them. */
export const SHAPES_OF_OURS = {
  SftpPorts: { type: 'list', member: 'SftpPortDetails', min: 0, max: 3 },
  SftpPortDetails: {
    type: 'structure',
    required: ['SftpPort'],
    members: { SftpPort: 'ServerSftpPort', CommunicationMode: 'CommunicationMode' },
  },
  ServerSftpPort: { type: 'integer', min: 1, max: 65535 },
  CommunicationMode: { type: 'string', enum: ['SERVER_TALK_FIRST', 'CLIENT_TALK_FIRST'] },
  ProxyConfig: { type: 'structure', members: { SftpMode: 'ProxySftpMode' } },
  ProxySftpMode: { type: 'string', enum: ['NONE', 'PROXY_PROTOCOL_V2_ENFORCED'] },
  ListSessionsRequest: {
    type: 'structure',
    members: {
      ServerId: 'ServerId',
      UserName: 'SessionUserName',
      MaxResults: 'MaxResults',
      NextToken: 'NextToken',
    },
  },
  EndSessionRequest: { type: 'structure', required: ['SessionId'], members: { SessionId: 'OpenSessionId' } },
  OpenSessionId: { type: 'string', min: 16, max: 16, pattern: '[0-9a-f]{16}' },
  // A configuration file may name its users as the service does not.
  SessionUserName: { type: 'string', min: 1, max: 256 },
} as const;

/** What the service has no operation for. `X-Amz-Target` names them with `Latticeport.` before them. */
export const OPERATIONS_OF_OURS = {
  ListSessions: {
    input: 'ListSessionsRequest',
    output: 'ListSessionsResponse',
    readonly: true,
    errors: [
      'InternalServiceError',
      'InvalidNextTokenException',
      'InvalidRequestException',
      'ResourceNotFoundException',
      'ServiceUnavailableException',
    ],
  },
  EndSession: {
    input: 'EndSessionRequest',
    output: null,
    readonly: false,
    errors: [
      'InternalServiceError',
      'InvalidRequestException',
      'ResourceNotFoundException',
      'ServiceUnavailableException',
    ],
  },
} as const;

export function withMembersOfOurs<Shape extends object>(
  shapes: Readonly<Record<string, Shape>>,
): Record<string, Shape> {
  const extended = { ...shapes };
  for (const [name, members] of Object.entries(MEMBERS_OF_OURS)) {
    const shape = shapes[name];
    if (shape === undefined || !('members' in shape)) throw new RangeError(`the model has no structure ${name}`);
    extended[name] = { ...shape, members: { ...(shape.members as object), ...members } };
  }
  return extended;
}
