import type { Level, PauseState } from '../../preload/contract/index.ts';
import { resourceName } from './quantity.ts';
import { whenText } from './time-text.ts';
import { useNode } from '../state/node-context.tsx';

/** What the node does for others at this moment, in words. */
export interface Sharing {
  tone: 'on' | 'paused' | 'off';
  /** For the navigation: `Lending`, `Paused until 18:00`. */
  short: string;
  /** For the head of Home: `Lending CPU at 25 %`. */
  headline: string;
  /** Why, one sentence. */
  reason: string;
}

/** Puts pause and levels into words. The processor speaks for the machine; where there is none, the highest level does. */
export const sharingOf = (pause: PauseState, levels: readonly Level[], nowMs: number): Sharing => {
  if (pause.paused) {
    const until = pause.untilMs === null ? 'until you resume' : `until ${whenText(pause.untilMs, nowMs)}`;
    return {
      tone: 'paused',
      short: `Paused ${until}`,
      headline: `Paused ${until}`,
      reason: 'Nothing new is lent, and running jobs stand still.',
    };
  }
  const lead = levels.find((level) => level.resource === 'cpu') ?? [...levels].sort((a, b) => b.percent - a.percent)[0];
  if (lead === undefined)
    return {
      tone: 'off',
      short: 'Lending nothing',
      headline: 'Lending nothing',
      reason: 'No resource of this machine can be lent yet.',
    };
  const lending = levels.filter((level) => level.percent > 0);
  if (lending.length === 0)
    return { tone: 'off', short: 'Lending nothing', headline: 'Lending nothing at the moment', reason: lead.reason };
  if (lead.percent === 0) {
    const next = lending[0] ?? lead;
    return {
      tone: 'on',
      short: 'Lending',
      headline: `Lending ${resourceName(next.resource)} at ${next.percent} %, no ${resourceName(lead.resource)}`,
      reason: lead.reason,
    };
  }
  return {
    tone: 'on',
    short: `Lending CPU at ${lead.percent} %`.replace('CPU', resourceName(lead.resource)),
    headline: `Lending ${resourceName(lead.resource)} at ${lead.percent} %`,
    reason: lead.reason,
  };
};

/** {@link sharingOf} what the node last told; null until it told. */
export const useSharing = (): Sharing | null => {
  const pause = useNode((state) => state.share?.pause);
  const levels = useNode((state) => state.levels);
  return pause === undefined || levels === null ? null : sharingOf(pause, levels, Date.now());
};
