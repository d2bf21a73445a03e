import { NodeError } from '../../base/index.ts';

/** No link of the kind that was asked for. */
export class LinkError extends NodeError<
  /** Nobody makes links of this kind here: circuits are off, or not there yet. */
  { code: 'ROUTE_UNKNOWN'; route: string }
> {
  override readonly name = 'LinkError';
}
