import { useEffect, useState } from 'react';
import type { TrafficView } from '../../../preload/contract/index.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';

/** Seconds of traffic that the chart shows. */
export const TRAFFIC_S = 120;

export interface TrafficPoint {
  atS: number;
  sent: number;
  received: number;
}

/** Traffic of the last two minutes, from when the page was opened on, and the newest word on limits and months. */
export const useTraffic = (): { now: TrafficView | null; points: readonly TrafficPoint[] } => {
  const node = useNodeAccess();
  const first = useNode((state) => state.network?.traffic ?? null);
  const [now, setNow] = useState<TrafficView | null>(null);
  const [points, setPoints] = useState<readonly TrafficPoint[]>([]);
  useEffect(
    () =>
      node.watch('networkTraffic', (traffic) => {
        setNow(traffic);
        const point = {
          atS: Date.now() / 1000,
          sent: traffic.sentBytesPerSecond,
          received: traffic.receivedBytesPerSecond,
        };
        setPoints((before) => [...before, point].slice(-TRAFFIC_S));
      }),
    [node],
  );
  return { now: now ?? first, points };
};
