import type { Call, RequestOf, ResponseOf } from '../../../preload/contract/index.ts';
import type { Caller } from '../interface.ts';

/** One body per call of the contract: a call without one does not compile. */
export type Handlers = {
  readonly [C in Call]: (request: RequestOf<C>, caller: Caller) => ResponseOf<C> | Promise<ResponseOf<C>>;
};
