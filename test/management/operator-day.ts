// The calls of an operator's day, with inputs that every client takes.
import { SERVER_ID } from './api-doubles.ts';

export const PUBLIC_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDCvF1NpvN9Ro31vpJ1Yl9hzOdJjo5zYcmIyqZKq7zN anna@example.org';
const ROLE = 'arn:aws:iam::123456789012:role/sftp-users';
const POLICY = 'TransferSecurityPolicy-2025-03';
const USER = { ServerId: SERVER_ID, UserName: 'anna' };

export const OPERATOR_DAY: readonly (readonly [string, object])[] = [
  [
    'CreateServer',
    {
      Protocols: ['SFTP'],
      SecurityPolicyName: POLICY,
      ProtocolDetails: { SetStatOption: 'ENABLE_NO_OP' },
      PreAuthenticationLoginBanner: 'Authorized users only.\n',
      Tags: [{ Key: 'team', Value: 'Überweisung  &  Co' }],
    },
  ],
  ['DescribeServer', { ServerId: SERVER_ID }],
  ['ListServers', { MaxResults: 10 }],
  [
    'CreateUser',
    {
      ...USER,
      Role: ROLE,
      HomeDirectoryType: 'LOGICAL',
      HomeDirectoryMappings: [
        { Entry: '/in', Target: '/bucket-one/anna' },
        { Entry: '/out', Target: '/bucket-two/${transfer:UserName}' },
      ],
      SshPublicKeyBody: PUBLIC_KEY,
    },
  ],
  ['ImportSshPublicKey', { ...USER, SshPublicKeyBody: PUBLIC_KEY }],
  ['DescribeUser', USER],
  ['DescribeSecurityPolicy', { SecurityPolicyName: POLICY }],
  ['UpdateServer', { ServerId: SERVER_ID, SecurityPolicyName: 'TransferSecurityPolicy-2024-01' }],
  [
    'TagResource',
    {
      Arn: `arn:aws:transfer:us-east-1:123456789012:user/${SERVER_ID}/anna`,
      Tags: [{ Key: 'latticeport:disabled', Value: 'true' }],
    },
  ],
  ['StopServer', { ServerId: SERVER_ID }],
  ['StartServer', { ServerId: SERVER_ID }],
  ['DeleteUser', USER],
  ['DeleteServer', { ServerId: SERVER_ID }],
];
