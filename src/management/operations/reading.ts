import type { Caller, Operation, OperationName, OperationTypes } from '../operation.ts';

/** An operation that answers from the snapshot, and so waits for nothing. What `answer` throws it rejects with. */
export function reading<Name extends OperationName>(
  answer: (input: OperationTypes[Name][0], caller: Caller) => OperationTypes[Name][1],
): Operation<Name> {
  return (input, caller) =>
    new Promise((resolve) => {
      resolve(answer(input, caller));
    });
}
