import { z } from 'zod';

/** HTTP verb of a call. `GET` calls change nothing and carry their request in path and query. */
export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** How a call appears on the command line. */
export interface CliShape {
  /** Words after `hypermesh`, such as `share set`. */
  readonly command: string;
  /** Request fields given by position, in order; all other fields are `--kebab-case` flags. */
  readonly positionals?: readonly string[];
  /** Whole command lines shown under `--help`. */
  readonly examples: readonly string[];
}

/**
 * One call that a face may make on the node. The IPC handler, the bridge, the HTTP route, the OpenAPI operation, the
 * command line and the typed client are all derived from this object.
 */
export interface CallDefinition<Q extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  readonly method: HttpMethod;
  /** Path below the API's root; `{name}` takes the request field of that name. */
  readonly path: `/v1/${string}`;
  /** One sentence, without a full stop, for OpenAPI and `--help`. */
  readonly summary: string;
  readonly request: Q;
  readonly response: R;
  /** Codes that this call may answer with, besides those of {@link commonErrorCodes}. */
  readonly errors?: readonly string[];
  /** Absent where a command has a hand-written body (`run`, `logs --follow`) or makes no sense in a terminal. */
  readonly cli?: CliShape;
}

/** Errors that any call may answer with. */
export const commonErrorCodes = ['BAD_REQUEST', 'UNKNOWN_CALL', 'UNAUTHORIZED', 'STOPPING', 'INTERNAL'] as const;

export const defineCalls = <const T extends Readonly<Record<string, CallDefinition>>>(calls: T): T => calls;

/** One thing that the node tells whoever subscribed to it. */
export interface PushDefinition<P extends z.ZodType = z.ZodType> {
  /** When it fires, one sentence. */
  readonly summary: string;
  readonly payload: P;
}

export const definePushes = <const T extends Readonly<Record<string, PushDefinition>>>(pushes: T): T => pushes;

/** Request of calls that take nothing. */
export const nothing = z.strictObject({});
