import type { Level, NodeStatus, PauseState } from '../../preload/contract/index.ts';

/** What the tray knows of the node; null until the node has said it. */
export interface TrayFacts {
  status: NodeStatus | null;
  levels: readonly Level[] | null;
  pause: PauseState | null;
}

/** Which of the icons the tray shows. */
export type TrayIcon = 'starting' | 'lending' | 'idle' | 'paused' | 'attention';

/** Resources that the line has room for, with the words it uses. Cards, containers and tokens are in the window. */
const LINE_RESOURCES = [
  ['cpu', 'CPU'],
  ['memory', 'memory'],
  ['storage', 'storage'],
  ['network', 'network'],
] as const;

export const trayIcon = ({ status, levels, pause }: TrayFacts): TrayIcon => {
  if (status === null || levels === null || pause === null || status.state === 'starting') return 'starting';
  if (pause.paused) return 'paused';
  if (status.warnings.length > 0) return 'attention';
  return levels.some((level) => level.percent > 0) ? 'lending' : 'idle';
};

/** Clock time today, with the weekday for other days. */
const formatUntil = (untilMs: number, nowMs: number, locale: string | undefined): string => {
  const sameDay = new Date(untilMs).toDateString() === new Date(nowMs).toDateString();
  return new Intl.DateTimeFormat(locale, {
    hour: '2-digit',
    minute: '2-digit',
    // As in the window, whose week grid counts 24 hours.
    hourCycle: 'h23',
    ...(sameDay ? {} : { weekday: 'short' }),
  }).format(untilMs);
};

/** One line: what is lent now, or why nothing is. */
export const levelLine = ({ status, levels, pause }: TrayFacts, nowMs: number, locale?: string): string => {
  if (status === null || levels === null || pause === null || status.state === 'starting') return 'Starting…';
  if (status.state === 'stopping') return 'Stopping…';
  if (pause.paused)
    return pause.untilMs === null
      ? 'Paused until you resume'
      : `Paused until ${formatUntil(pause.untilMs, nowMs, locale)}`;
  const parts = LINE_RESOURCES.flatMap(([resource, word]) => {
    const level = levels.find((candidate) => candidate.resource === resource);
    return level === undefined || level.percent === 0 ? [] : [`${word} ${level.percent} %`];
  });
  if (parts.length > 0) return `Lending ${parts.join(', ')}`;
  // Nothing is lent: the rule of the first resource says why, as it usually is the same for all.
  const [first] = levels;
  return first === undefined ? 'Lending nothing' : `Lending nothing. ${first.reason}`;
};

/** Start of the next day, in local time: when "until tomorrow" ends. */
export const startOfTomorrowMs = (nowMs: number): number => {
  const day = new Date(nowMs);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1).getTime();
};
