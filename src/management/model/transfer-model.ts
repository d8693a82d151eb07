import { z } from 'zod';
import { OPERATIONS_OF_OURS, SHAPES_OF_OURS, withMembersOfOurs } from './additions.ts';
import transferModel from './transfer-model.json' with { type: 'json' };

const bounds = { min: z.number().optional(), max: z.number().optional() };

export const modelShape = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('structure'),
    members: z.record(z.string(), z.string()),
    required: z.array(z.string()).default([]),
    /** Exactly one of the members is there. */
    union: z.boolean().default(false),
    sensitive: z.boolean().default(false),
  }),
  z.object({ type: z.literal('list'), member: z.string(), ...bounds }),
  z.object({
    type: z.literal('string'),
    ...bounds,
    /** Of the whole text. */
    pattern: z
      .string()
      .transform((pattern) => new RegExp(`^(?:${pattern})$`, 'u'))
      .optional(),
    enum: z.array(z.string()).optional(),
    sensitive: z.boolean().default(false),
  }),
  z.object({ type: z.enum(['integer', 'long']), ...bounds }),
  z.object({ type: z.enum(['boolean', 'timestamp']) }),
  z.object({ type: z.literal('blob'), ...bounds, sensitive: z.boolean().default(false) }),
]);

export type ModelShape = z.infer<typeof modelShape>;

const modelOperation = z.object({
  /** Names of shapes; `output` null: an empty body. */
  input: z.string(),
  output: z.string().nullable(),
  /** Changes nothing. */
  readonly: z.boolean(),
  errors: z.array(z.string()),
});

export type ModelOperation = z.infer<typeof modelOperation>;

const modelFile = z.object({
  operations: z.record(z.string(), modelOperation),
  shapes: z.record(z.string(), modelShape),
});

const { operations, shapes } = modelFile.parse({
  operations: { ...transferModel.operations, ...OPERATIONS_OF_OURS },
  shapes: withMembersOfOurs({ ...transferModel.shapes, ...SHAPES_OF_OURS }),
});

/** The 71 operations of the service and those of ours, by name. */
export const MODEL_OPERATIONS: ReadonlyMap<string, ModelOperation> = new Map(Object.entries(operations));

const TARGET = /^(TransferService|Latticeport)\.([A-Za-z0-9]{1,64})$/;

/** The operation that `X-Amz-Target` names; empty where it names none. Ours are not the service's, nor the other way round. */
export function operationOfTarget(target: string): string {
  const [, service, name = ''] = TARGET.exec(target) ?? [];
  return Object.hasOwn(OPERATIONS_OF_OURS, name) === (service === 'Latticeport') ? name : '';
}

const SHAPES: ReadonlyMap<string, ModelShape> = new Map(Object.entries(shapes));

/** @throws RangeError for a name that the model has not: no text of a request is ever one */
export function shapeNamed(name: string): ModelShape {
  const shape = SHAPES.get(name);
  if (shape === undefined) throw new RangeError(`the model has no shape ${name}`);
  return shape;
}
