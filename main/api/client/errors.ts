import { NodeError } from '../../base/errors.ts';

export class ClientError extends NodeError<
  /** No node answers where one said it listens, or it went away in the middle. */
  | { code: 'NODE_GONE'; cause: string }
  /** What answers there is no HyperMesh node, or one of another version. */
  | { code: 'NODE_STRANGE'; status: number }
> {
  override readonly name = 'ClientError';
}
