import { BrowserWindow, session } from 'electron';
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import type { Clock, Logger } from '../base/index.ts';
import type { GpuProbe } from '../kernel/assets/adapters/index.ts';
import type { GpuMultiplier } from '../kernel/prover/index.ts';
import { percent, reading } from '../../preload/contract/index.ts';
import {
  GPU_BENCHMARK_DEADLINE_MS,
  GPU_MULTIPLY_DEADLINE_MS,
  GPU_MULTIPLY_POLL_MS,
  GPU_PAGE_URL,
  GPU_POLL_MS,
  GPU_PROBE_DEADLINE_MS,
  GPU_PRODUCT_PART_BYTES,
} from './constants.ts';
import { servePage } from './protocol.ts';
import { secureSession } from './security.ts';

export interface GpuWindowComponents {
  clock: Clock;
  logger: Logger;
}
export interface GpuWindowInit {
  /** Folder of the built page. */
  pageFolder: string;
}

/** What renderer/gpu/probe.ts answers with. It is a page like any other, so its words are parsed. */
const probedGpus = reading(
  z
    .array(
      z.strictObject({
        vendor: z.string().max(256),
        architecture: z.string().max(256),
        device: z.string().max(256),
        description: z.string().max(256),
        software: z.boolean(),
        bufferBytesMax: z.int().min(0),
        features: z.array(z.string().max(64)).max(128),
      }),
    )
    .max(16),
);
const benchmarkProgress = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('running'), progressPercent: percent }),
  z.strictObject({ status: z.literal('done'), result: reading(z.number().positive()) }),
]);

/** Bytes of a row of a product, docs/formats/proof-work.md. */
const PRODUCT_ROW_BYTES = 512;

/** Session of its own, in memory: the hidden page shares nothing with the window. */
const PARTITION = 'gpu';

/**
 * Reaches WebGPU through a hidden page that lives only as long as one question. The page runs in its own sandboxed
 * process and the card's work in the graphics process, so the node never waits on its own thread.
 */
export const createGpuWindow = (
  { clock, logger }: GpuWindowComponents,
  { pageFolder }: GpuWindowInit,
): GpuProbe & GpuMultiplier => {
  let prepared = false;
  /** End of the line: one page at a time, since two would measure each other. */
  let last: Promise<unknown> = Promise.resolve();

  const withPage = <T>(
    deadlineMs: number,
    signal: AbortSignal | null,
    ask: (run: (code: string) => Promise<unknown>) => Promise<T>,
  ): Promise<T> => {
    const turn = last.then(async () => {
      signal?.throwIfAborted();
      // Whoever asks often starts a program in the same turn (`nvidia-smi`, a job), and making a window and starting a
      // program take 15 to 40 ms each.
      await clock.sleep(0);
      const own = session.fromPartition(PARTITION);
      if (!prepared) {
        prepared = true;
        secureSession(own, logger, { developmentOrigin: null });
        servePage(own, pageFolder);
      }
      const window = new BrowserWindow({
        show: false,
        width: 64,
        height: 64,
        focusable: false,
        skipTaskbar: true,
        webPreferences: {
          session: own,
          sandbox: true,
          contextIsolation: true,
          nodeIntegration: false,
          webviewTag: false,
          devTools: false,
          backgroundThrottling: false,
        },
      });
      const over = new AbortController();
      try {
        const gone = new Promise<never>((_resolve, reject) => {
          const fail = (reason: string): void => reject(new Error(reason));
          signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: over.signal });
          window.webContents.once('render-process-gone', (_event, details) =>
            fail(`the graphics page ended (${details.reason})`),
          );
          clock.sleep(deadlineMs, over.signal).then(
            () => fail(`the graphics card did not answer within ${deadlineMs / 1000} s`),
            () => undefined,
          );
        });
        const work = clock
          .sleep(0)
          .then(() => window.loadURL(GPU_PAGE_URL))
          .then(() => ask((code) => window.webContents.executeJavaScript(code) as Promise<unknown>));
        // Whichever loses the race must not count as unhandled.
        work.catch(() => undefined);
        gone.catch(() => undefined);
        return await Promise.race([work, gone]);
      } finally {
        over.abort();
        if (!window.isDestroyed()) window.destroy();
      }
    });
    last = turn.catch(() => undefined);
    return turn;
  };

  const unreadable = (error: unknown): { known: false; reason: string } => {
    const reason = messageOf(error);
    logger.info('WebGPU could not be asked', { reason });
    return { known: false, reason: `WebGPU could not be asked: ${reason}.` };
  };

  return {
    async probe() {
      try {
        return await withPage(GPU_PROBE_DEADLINE_MS, null, async (run) =>
          probedGpus.parse(await run('globalThis.hypermeshGpu.probe()')),
        );
      } catch (error) {
        return unreadable(error);
      }
    },
    async benchmark(signal, onProgress) {
      try {
        return await withPage(GPU_BENCHMARK_DEADLINE_MS, signal, async (run) => {
          await run('globalThis.hypermeshGpu.start()');
          for (;;) {
            const progress = benchmarkProgress.parse(await run('globalThis.hypermeshGpu.progress()'));
            if (progress.status === 'done') return progress.result;
            onProgress(progress.progressPercent);
            // Ends by the page's answer, its end, the deadline or the signal.
            await clock.sleep(GPU_POLL_MS, signal);
          }
        });
      } catch (error) {
        signal.throwIfAborted();
        return unreadable(error);
      }
    },
    async multiply(seed, { from, count }, signal) {
      try {
        return await withPage(GPU_MULTIPLY_DEADLINE_MS, signal, async (run) => {
          const question = { seedHex: Buffer.from(seed).toString('hex'), from, count };
          await run(`globalThis.hypermeshGpu.startProduct(${JSON.stringify(question)})`);
          for (;;) {
            const progress = benchmarkProgress.parse(await run('globalThis.hypermeshGpu.productProgress()'));
            if (progress.status === 'done') {
              if (!progress.result.known) return progress.result;
              const product = new Uint8Array(count * PRODUCT_ROW_BYTES);
              for (let at = 0; at < product.length; at += GPU_PRODUCT_PART_BYTES) {
                const end = Math.min(at + GPU_PRODUCT_PART_BYTES, product.length);
                const part = await run(`globalThis.hypermeshGpu.takeProduct(${at}, ${end})`);
                if (!(part instanceof Uint8Array) || part.length !== end - at)
                  throw new Error('the graphics page gave another part of the product than was asked for');
                product.set(part, at);
              }
              return { known: true, value: { product, tookMs: progress.result.value } };
            }
            await clock.sleep(GPU_MULTIPLY_POLL_MS, signal);
          }
        });
      } catch (error) {
        signal.throwIfAborted();
        return unreadable(error);
      }
    },
  };
};
