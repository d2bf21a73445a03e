import {
  type Call,
  type CallError,
  type PayloadOf,
  type Push,
  type Reply,
  type ResponseOf,
  calls,
  isCall,
  pushes,
} from '../../../preload/contract/index.ts';
import type { Clock, Logger, MetricsRegistry } from '../../base/index.ts';
import { isNodeError } from '../../base/errors.ts';
import type { Caller, Dispatcher } from '../interface.ts';
import { InternalError, RequestError } from './errors.ts';
import { type HandlerComponents, createHandlers } from './handlers.ts';
import { createDispatcherMetrics } from './metrics.ts';
import { type PushSourceComponents, createPushSources } from './push-sources.ts';
import { parseRequest } from './request.ts';

export interface DispatcherComponents extends HandlerComponents, PushSourceComponents {
  clock: Clock;
  logger: Logger;
  metrics: MetricsRegistry | null;
  logs: HandlerComponents['logs'] & PushSourceComponents['logs'];
  ledgerDesk: HandlerComponents['ledgerDesk'];
}

export interface DispatcherInit {
  /** Parse what handlers answer and what is pushed by the contract too. Tests do; in the app it would only cost time. @default false */
  checkResponses?: boolean;
}

/** What any module of JSON can carry: `bigint` and bytes become text, anything else that JSON drops is left out. */
const jsonSafe = (data: object): Record<string, unknown> =>
  JSON.parse(
    JSON.stringify(data, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
  ) as Record<string, unknown>;

/** An expected failure as it crosses to a face. */
export const callErrorOf = (error: { name: string; code: string; message: string; data: object }): CallError => {
  const data = jsonSafe(error.data);
  return { name: error.name, code: error.code, message: error.message, ...(Object.keys(data).length > 0 && { data }) };
};

const refusal = (error: { name: string; code: string; message: string; data: object }) => ({
  ok: false as const,
  error: callErrorOf(error),
});

/** One {@link Dispatcher} over the modules of a node. */
export const createDispatcher = (components: DispatcherComponents, init: DispatcherInit = {}): Dispatcher => {
  const { clock, logger } = components;
  const { checkResponses = false } = init;
  const handlers = createHandlers(components);
  const sources = createPushSources(components);
  const metrics = components.metrics === null ? null : createDispatcherMetrics(components.metrics);
  const listening = new Map<Push, { listeners: Set<(payload: never) => void>; end: () => void }>();

  const call = async <C extends Call>(name: C, request: unknown, caller: Caller): Promise<Reply<ResponseOf<C>>> => {
    const startedMs = clock.monotonicMs();
    const count = (outcome: string): void => {
      metrics?.callsTotal.inc(1, { call: name, outcome });
      metrics?.callSeconds.observe((clock.monotonicMs() - startedMs) / 1000);
    };
    try {
      const parsed = parseRequest(name, request);
      const answer = await (handlers[name] as (request: unknown, caller: Caller) => unknown)(parsed, caller);
      // Parsed copies are thrown away: what is checked here is that handlers keep to the contract.
      if (checkResponses) calls[name].response.parse(answer);
      count('ok');
      return { ok: true, value: answer as ResponseOf<C> };
    } catch (error) {
      if (isNodeError(error)) {
        count('refused');
        logger.debug('Call refused', { call: name, face: caller.face, code: error.code });
        return refusal(error);
      }
      count('failed');
      logger.error('Call failed', {
        call: name,
        face: caller.face,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return refusal(
        new InternalError(
          { code: 'INTERNAL' },
          `Something in HyperMesh itself failed at ${name}; \`hypermesh logs\` says what, and \`hypermesh bundle create\` collects what a report needs.`,
        ),
      );
    }
  };

  return {
    call,
    callUnknown: async (name, request, caller) => {
      if (isCall(name)) return await call(name, request, caller);
      const shown = typeof name === 'string' ? `"${name.slice(0, 60)}"` : 'That';
      return refusal(
        new RequestError(
          { code: 'UNKNOWN_CALL' },
          `${shown} is no call of this version; /openapi.json lists them all.`,
        ),
      );
    },
    subscribe: <P extends Push>(name: P, listener: (payload: PayloadOf<P>) => void) => {
      let entry = listening.get(name);
      if (entry === undefined) {
        const listeners = new Set<(payload: never) => void>();
        const emit = (payload: PayloadOf<P>): void => {
          if (checkResponses) pushes[name].payload.parse(payload);
          for (const each of listeners) (each as (payload: PayloadOf<P>) => void)(payload);
        };
        entry = { listeners, end: (sources[name] as (emit: (payload: PayloadOf<P>) => void) => () => void)(emit) };
        listening.set(name, entry);
      }
      const { listeners, end } = entry;
      // Its own function object, so that one listener may subscribe twice and end each by itself.
      const own = (payload: PayloadOf<P>): void => listener(payload);
      listeners.add(own);
      return () => {
        if (!listeners.delete(own) || listeners.size > 0) return;
        listening.delete(name);
        end();
      };
    },
  };
};
