import { ageText, dateTimeText } from './time-text.ts';
import { useNow } from './use-now.ts';

/** A moment in words, such as `3 minutes ago`, which stay true while they stand there; the exact time on hover. */
export const Age = ({ atMs }: { atMs: number }) => {
  const nowMs = useNow();
  return (
    <time className="hm-number" dateTime={new Date(atMs).toISOString()} title={dateTimeText(atMs)}>
      {ageText(atMs, nowMs)}
    </time>
  );
};
