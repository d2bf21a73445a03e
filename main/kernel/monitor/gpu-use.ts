import type { Clock } from '../../base/index.ts';
import { MISSING_TOOL_RETRY_MS } from './constants.ts';
import { gpuSlug, listDrmCards, readNvidiaCards } from './gpu-cards.ts';
import type { MachineSample } from './interface.ts';
import { unknown } from './readings.ts';

export type GpuUses = MachineSample['gpus'];

/** Live figures of graphics cards: the kernel's (amdgpu) and nvidia-smi's. Asked rarely, as each asking costs. */
export interface GpuUseReader {
  /** @param maxAgeMs - how old the figures may be */
  read(maxAgeMs: number): Promise<GpuUses>;
}

export const createGpuUseReader = (components: { clock: Clock; sysPath: string }): GpuUseReader => {
  const { clock, sysPath } = components;
  let cached: GpuUses = new Map();
  let cachedAtMs = -Infinity;
  let missingSinceMs = -Infinity;
  let pending: Promise<GpuUses> | null = null;

  const ask = async (): Promise<GpuUses> => {
    const found = new Map<string, GpuUses extends ReadonlyMap<string, infer Use> ? Use : never>();
    for (const card of (await listDrmCards(sysPath)) ?? []) {
      // A card without address goes by its model, which only the adapter knows.
      if (card.pciAddress !== null)
        found.set(gpuSlug(card.pciAddress, ''), {
          usedPercent: card.usedPercent,
          memoryUsedBytes: card.memoryUsedBytes,
          temperatureCelsius: card.temperatureCelsius,
        });
    }
    if (clock.monotonicMs() - missingSinceMs >= MISSING_TOOL_RETRY_MS) {
      const asked = await readNvidiaCards();
      if (asked.status === 'ok')
        for (const card of asked.cards)
          found.set(gpuSlug(card.pciAddress, card.name), {
            usedPercent: card.usedPercent,
            memoryUsedBytes: card.memoryUsedBytes,
            temperatureCelsius: card.temperatureCelsius,
          });
      else if (asked.status === 'missing') missingSinceMs = clock.monotonicMs();
      else {
        const silent = unknown(`nvidia-smi failed: ${asked.message}`);
        for (const slug of cached.keys())
          if (!found.has(slug))
            found.set(slug, { usedPercent: silent, memoryUsedBytes: silent, temperatureCelsius: silent });
      }
    }
    return found;
  };

  return {
    read: async (maxAgeMs) => {
      if (clock.monotonicMs() - cachedAtMs < maxAgeMs) return cached;
      pending ??= ask().finally(() => {
        pending = null;
      });
      cached = await pending;
      cachedAtMs = clock.monotonicMs();
      return cached;
    },
  };
};
