import type { Call, RequestOf, ResponseOf } from '../../../preload/contract/index.ts';
import { assert, parseJobId, type JobId } from '../../base/index.ts';
import type { Assets } from '../../kernel/assets/index.ts';
import type { Runtime } from '../../kernel/runtime/index.ts';
import type { LogBook } from '../../base/index.ts';
import type { Diagnostics } from '../diagnostics/index.ts';
import type { Caller, ConfigSource, NodeControl, WindowControl } from '../interface.ts';
import { RequestError } from './errors.ts';

export interface HandlerComponents {
  assets: Assets;
  runtime: Runtime;
  config: ConfigSource;
  logs: Pick<LogBook, 'read'>;
  node: NodeControl;
  diagnostics: Diagnostics;
  windowControl: WindowControl | null;
}

/** One body per call of the contract: a call without one does not compile. */
export type Handlers = {
  readonly [C in Call]: (request: RequestOf<C>, caller: Caller) => ResponseOf<C> | Promise<ResponseOf<C>>;
};

/** The contract has checked the text by then; the brand is what is missing. */
const jobIdOf = (text: string): JobId => {
  const id = parseJobId(text);
  assert(id !== null, 'the contract lets only job ids through');
  return id;
};

export const createHandlers = ({
  assets,
  runtime,
  config,
  logs,
  node,
  diagnostics,
  windowControl,
}: HandlerComponents): Handlers => ({
  'node:status': () => node.status(),
  'node:stop': ({ afterJobs }) => {
    node.requestStop(afterJobs);
    return null;
  },
  'app:show': () => {
    windowControl?.show();
    return { shown: windowControl !== null };
  },
  'config:get': () => config.get(),
  'config:set': (change) => config.set(change),
  'logs:read': (query) => logs.read(query),
  'doctor:run': () => diagnostics.checks(),
  'disk:ledger': () => diagnostics.ledger(),
  'bundle:preview': () => diagnostics.previewBundle(),
  'bundle:create': () => diagnostics.createBundle(),

  'hardware:inventory': () => assets.inventory(),
  'hardware:detect': () => assets.detect(),
  'hardware:assets': () => assets.list(),
  'hardware:live': () => assets.live(),
  'benchmark:get': () => assets.benchmark(),
  'benchmark:start': () => assets.startBenchmark(),
  'benchmark:cancel': () => assets.cancelBenchmark(),

  'share:get': () => assets.share(),
  'share:levels': () => assets.levels(),
  'share:promises': () => assets.allocations.promises(),
  'share:allocations': ({ after }) => assets.allocations.list(after),
  'share:set': ({ resource, terms, ...change }) =>
    assets.setShare(resource, { ...defined(change), ...(terms !== undefined && { terms: defined(terms) }) }),
  'share:setGrid': ({ resource, cells }) => assets.setShare(resource, { grid: cells }),
  'share:setRules': (change) => assets.setRules(defined(change)),
  'share:preview': (conditions) => assets.preview(conditions),
  'share:pause': ({ untilMs }) => assets.pause(untilMs),
  'share:resume': () => assets.resume(),
  'share:stopEverything': async () => {
    // The pause first, so that nothing is admitted between the end of the last job and the pause.
    await assets.pause(null);
    const jobsEnded = await runtime.endAll('The owner stopped everything');
    return { jobsEnded, allocationsEnded: await assets.evictAll('The owner stopped everything') };
  },

  'job:start': (spec) => {
    if (node.status().state === 'stopping')
      throw new RequestError(
        { code: 'STOPPING' },
        'The node is stopping and starts no new jobs; start it again with `hypermesh start`.',
      );
    return runtime.submit(spec);
  },
  'job:list': () => runtime.list(),
  'job:get': ({ id }) => runtime.get(jobIdOf(id)),
  'job:cancel': ({ id }) => runtime.cancel(jobIdOf(id)),
  'job:remove': async ({ id }) => {
    await runtime.remove(jobIdOf(id));
    return null;
  },
  'job:output': ({ id, offset }) => runtime.output(jobIdOf(id), offset),
});

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
/** Without the fields that are there but undefined: "no change" is the same as not being there. */
const defined = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
