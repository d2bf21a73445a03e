/**
 * Runs steps, some at once. After one has failed none is begun; resolves when those under way have ended.
 *
 * @throws what the first one threw that failed; `signal.reason` when aborted
 */
export const runSteps = async (
  steps: Iterable<() => Promise<void>> | AsyncIterable<() => Promise<void>>,
  atOnceMax: number,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const failure: { error: unknown; any: boolean } = { error: null, any: false };
  const running = new Set<Promise<void>>();
  for await (const step of steps) {
    if (signal?.aborted === true && !failure.any) Object.assign(failure, { error: signal.reason, any: true });
    if (failure.any) break;
    const run = step()
      .catch((error: unknown) => {
        if (!failure.any) Object.assign(failure, { error, any: true });
      })
      .finally(() => running.delete(run));
    running.add(run);
    if (running.size >= atOnceMax) await Promise.race(running);
  }
  await Promise.all(running);
  if (failure.any) throw failure.error;
};
