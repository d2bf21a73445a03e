import { NodeError } from '../../base/errors.ts';

/** Refusals at the border, before any call is looked at, and failures to listen at all. */
export class HttpError extends NodeError<
  /** The token is missing or not the one of this start. */
  | { code: 'UNAUTHORIZED' }
  /** Too many wrong tokens in the last minute. */
  | { code: 'TOO_MANY_FAILURES' }
  /** `Host` is none of our own names: a name of somebody else's was made to point here (DNS rebinding). */
  | { code: 'HOST_REFUSED' }
  /** A page of another site asks. */
  | { code: 'ORIGIN_REFUSED' }
  /** No such path, or not with that method. */
  | { code: 'NOT_FOUND' }
  | { code: 'METHOD_NOT_ALLOWED' }
  /** The body is not JSON, too large, or of another type. */
  | { code: 'BAD_REQUEST'; field: string }
  | { code: 'TOO_LARGE'; bytesMax: number }
  | { code: 'UNSUPPORTED_TYPE' }
  | { code: 'TOO_MANY_CONNECTIONS' }
  | { code: 'TOO_MANY_CALLS' }
  /** The page was not built, or a file of it is gone. */
  | { code: 'PAGE_MISSING' }
  /** Somebody else listens on the port. */
  | { code: 'PORT_IN_USE'; port: number }
  /** The system does not let us listen there. */
  | { code: 'PORT_REFUSED'; port: number; cause: string }
> {
  override readonly name = 'HttpError';
}
