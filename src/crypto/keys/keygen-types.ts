import { KEY_TYPES } from './key-registry.ts';
import type { GeneratedKeyType, RegisteredKeyType } from './key-registry.ts';

/** What `latticeport keygen --type … --bits …` can make: the key types of the registry, those of one word after `--type` together. */
export interface KeygenType {
  /** The word after `--type`. */
  readonly option: string;
  /** In words: "256, 384 or 521", "2048 to 16384", "256". */
  readonly sizes: string;
  /** False where the type has one size. */
  readonly hasChoice: boolean;
  readonly defaultBits: number;
  /** What `generatePrivateKey` takes for so many bits; null for a size that the type has not. */
  generatedWith(bits: number): GeneratedKeyType | null;
}

export const KEYGEN_TYPES: readonly KeygenType[] = [...new Set(KEY_TYPES.map(({ keygen }) => keygen.option))].map(
  (option) =>
    keygenType(
      option,
      KEY_TYPES.filter(({ keygen }) => keygen.option === option),
    ),
);

function keygenType(option: string, types: readonly RegisteredKeyType[]): KeygenType {
  const sizes = types.map(({ keygen: { bits } }) =>
    typeof bits === 'number' ? String(bits) : `${bits.min} to ${bits.max}`,
  );
  const defaults = types.map(defaultBits);
  return {
    option,
    sizes: [sizes.slice(0, -1).join(', '), ...sizes.slice(-1)].filter((words) => words !== '').join(' or '),
    hasChoice: types.length > 1 || types.some(({ keygen }) => typeof keygen.bits !== 'number'),
    defaultBits: defaults[0] ?? 0,
    generatedWith: (wanted) => types.find((type) => hasSize(type, wanted))?.keygen.name ?? null,
  };
}

function defaultBits({ keygen: { bits } }: RegisteredKeyType): number {
  return typeof bits === 'number' ? bits : bits.default;
}

function hasSize({ keygen: { bits } }: RegisteredKeyType, wanted: number): boolean {
  return typeof bits === 'number' ? bits === wanted : wanted >= bits.min && wanted <= bits.max;
}

/** The command that makes a host key of the type. */
export function keygenCommand(type: RegisteredKeyType): string {
  const { option, hostKeyFile } = type.keygen;
  const hasChoice = KEYGEN_TYPES.some((row) => row.option === option && row.hasChoice);
  const command = `latticeport keygen keys/${hostKeyFile} --type ${option}`;
  return hasChoice ? `${command} --bits ${defaultBits(type)}` : command;
}
