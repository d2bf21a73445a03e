import { NodeError } from '../../base/errors.ts';

/** A request that cannot be carried out as it stands. */
export class RequestError extends NodeError<
  /** It does not have the shape that the contract gives it. `field` names the first thing that is wrong. */
  | { code: 'BAD_REQUEST'; field: string }
  /** The contract has no such call. */
  | { code: 'UNKNOWN_CALL' }
  /** The contract has no such push. */
  | { code: 'UNKNOWN_PUSH' }
  /** The node is on its way down and starts nothing new. */
  | { code: 'STOPPING' }
  /** It talks to no other nodes now. */
  | { code: 'NOT_RUNNING' }
> {
  override readonly name = 'RequestError';
}

/** A bug of ours, as a face may see it. The log holds the rest. */
export class InternalError extends NodeError<{ code: 'INTERNAL' }> {
  override readonly name = 'InternalError';
}
