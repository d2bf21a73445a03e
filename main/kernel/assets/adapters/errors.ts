import { NodeError } from '../../../base/index.ts';

/** What an adapter refuses. */
export class AdapterError extends NodeError<
  /** The hardware has less left than was asked for, whatever the owner's limits say. Worth another try later. */
  { code: 'NOT_ENOUGH_FREE'; resource: string; neededBytes: number; freeBytes: number }
> {
  override readonly name = 'AdapterError';
}
