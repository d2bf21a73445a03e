import { messageOf, type Outside } from '../../../base/index.ts';
import type { ImageTransfer } from '../../../../preload/contract/index.ts';
import { PROGRESS_MS, TRANSFERS_KEPT_MAX, TRANSFERS_RUNNING_MAX } from './constants.ts';
import { ImageError } from './errors.ts';

/** What a transfer's work tells of itself. */
export interface TransferControl {
  readonly signal: AbortSignal;
  progress(now: { doneBytes?: number; totalBytes?: number | null; savedBytes?: number; sentence?: string }): void;
}
export interface Transfer<T> {
  readonly view: ImageTransfer;
  readonly done: Promise<T>;
  cancel(): void;
}
/** Images under way, and those that were lately. */
export interface Transfers {
  /**
   * @param what.limited - counts against how many may run at once; not those that a job waits for
   * @throws {ImageError} `TOO_MANY_TRANSFERS`
   */
  run<T>(
    what: Pick<ImageTransfer, 'what' | 'reference' | 'with'> & { limited: boolean; doneSentence: string },
    work: (control: TransferControl) => Promise<T>,
  ): Transfer<T>;
  list(): ImageTransfer[];
  /** @throws {ImageError} `TRANSFER_UNKNOWN` */
  cancel(id: string): ImageTransfer;
  /** Ends all, and waits for them. */
  stop(): Promise<void>;
}
export const cancelled = (): ImageError =>
  new ImageError({ code: 'CANCELLED' }, 'The transfer was cancelled; start it again to go on.');

export const createTransfers = (components: { outside: Outside; changed: () => void }): Transfers => {
  const { outside, changed } = components;
  const entries = new Map<string, { view: ImageTransfer; abort: AbortController; settled: Promise<void> }>();
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const told = (): void => {
    const now = outside.clock.monotonicMs();
    if (now - toldAtMs < PROGRESS_MS) return;
    toldAtMs = now;
    changed();
  };
  const running = (): number => [...entries.values()].filter(({ view }) => view.state === 'running').length;
  const trim = (): void => {
    for (const [id, { view }] of entries) {
      if (entries.size < TRANSFERS_KEPT_MAX) return;
      if (view.state !== 'running') entries.delete(id);
    }
  };
  return {
    run: (what, work) => {
      const { limited, doneSentence, ...named } = what;
      if (limited && running() >= TRANSFERS_RUNNING_MAX)
        throw new ImageError(
          { code: 'TOO_MANY_TRANSFERS', limit: TRANSFERS_RUNNING_MAX },
          `${TRANSFERS_RUNNING_MAX} images are on their way already; wait until one of them is done.`,
        );
      trim();
      const id = Buffer.from(outside.random.bytes(8)).toString('hex');
      const view: ImageTransfer = {
        id,
        ...named,
        state: 'running',
        doneBytes: 0,
        totalBytes: null,
        savedBytes: 0,
        sentence: '',
        startedAtMs: outside.clock.nowMs(),
      };
      const abort = new AbortController();
      const end = (state: ImageTransfer['state'], sentence: string): void => {
        view.state = state;
        view.sentence = sentence;
        changed();
      };
      const done = (async () => {
        // Nothing of it before whoever asked has the transfer in hand.
        await Promise.resolve();
        try {
          const result = await work({
            signal: abort.signal,
            progress: (now) => {
              Object.assign(view, now);
              told();
            },
          });
          end('done', doneSentence);
          return result;
        } catch (error) {
          if (abort.signal.aborted) {
            end('cancelled', 'It was cancelled; what came stays for a while.');
            throw cancelled();
          }
          end('failed', messageOf(error));
          throw error;
        }
      })();
      const settled = done.then(
        () => undefined,
        () => undefined,
      );
      entries.set(id, { view, abort, settled });
      changed();
      return { view, done, cancel: () => abort.abort(cancelled()) };
    },
    list: () => [...entries.values()].map(({ view }) => ({ ...view })).sort((a, b) => b.startedAtMs - a.startedAtMs),
    cancel: (id) => {
      const entry = entries.get(id);
      if (entry === undefined)
        throw new ImageError(
          { code: 'TRANSFER_UNKNOWN', id: id.slice(0, 64) },
          'There is no such transfer; `hypermesh image list` shows those that there are.',
        );
      if (entry.view.state === 'running') entry.abort.abort(cancelled());
      return { ...entry.view };
    },
    stop: async () => {
      for (const { abort } of entries.values()) abort.abort(cancelled());
      await Promise.all([...entries.values()].map(({ settled }) => settled));
    },
  };
};
