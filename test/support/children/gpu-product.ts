import { fileURLToPath } from 'node:url';
import { app, BrowserWindow } from 'electron';
import { createSystemOutside, createWorkerPool } from '../../../main/base/index.ts';
import { createGpuWindow } from '../../../main/desktop/gpu-window.ts';
import { registerPageScheme } from '../../../main/desktop/protocol.ts';
import { challengeHashOf, proveWork, verifyWork } from '../../../main/kernel/proof/index.ts';
import { createMultiplier } from '../../../main/kernel/proof/work/generate-kernel.ts';
import { leftRows, rightMatrix } from '../../../main/kernel/proof/work/generate-streams.ts';
import { fullPace, workChallenge, workContext } from '../proof-work.ts';
import { createSilentLogger } from '../silent-logger.ts';

// Run by Electron, for a test and for the bench: multiplies on the card through the app's own hidden window and compares
// with the processor. Arguments: folder of the built page, rows to multiply. Prints one line of JSON.
const [pageFolder, rowsWanted] = process.argv.slice(-2);
const count = Number(rowsWanted);
registerPageScheme();
// The hidden window is the only one, and it comes and goes.
app.on('window-all-closed', () => undefined);

const main = async (): Promise<void> => {
  await app.whenReady();
  const { clock } = createSystemOutside();
  const logger = createSilentLogger();
  const card = createGpuWindow({ clock, logger }, { pageFolder: pageFolder! });
  const never = new AbortController().signal;

  const seed = new Uint8Array(32).map((_, index) => index * 7);
  const from = 1001;
  const onCard = await card.multiply(seed, { from, count }, never);
  const startedMs = clock.monotonicMs();
  const onProcessor = createMultiplier(rightMatrix(seed))(leftRows(seed, from, count));
  const processorMs = clock.monotonicMs() - startedMs;

  const workers = createWorkerPool(
    { logger, metrics: null, clock },
    { workerPath: fileURLToPath(new URL('../proof-work-worker.ts', import.meta.url)), size: 1 },
  );
  const challenge = workChallenge(5, clock.nowMs());
  const made = await proveWork(
    { workers, clock },
    challenge,
    challengeHashOf(challenge),
    { rows: 150, openings: 16, gpu: card },
    fullPace,
    () => undefined,
    never,
  );
  await workers.close();

  const stop = new AbortController();
  const stopping = card.multiply(seed, { from: 0, count: 65_536 }, stop.signal).then(
    () => 'finished',
    (error: unknown) => String(error),
  );
  await clock.sleep(1500);
  stop.abort(new Error('told to stop'));
  const stopped = await stopping;
  const tooMany = await card.multiply(seed, { from: 0, count: 65_537 }, never);

  process.stdout.write(
    `${JSON.stringify({
      reason: onCard.known ? null : onCard.reason,
      equal: onCard.known && Buffer.from(onCard.value.product).equals(onProcessor),
      tookMs: onCard.known ? onCard.value.tookMs : null,
      processorMs,
      finding: verifyWork(made.proof, workContext(challenge)),
      stopped,
      tooMany,
      windows: BrowserWindow.getAllWindows().length,
    })}\n`,
  );
  app.exit(0);
};
// Nothing may wait at the top level: Electron is ready only once this file has run.
main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  app.exit(1);
});
