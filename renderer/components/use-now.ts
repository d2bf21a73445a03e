import { useEffect, useState } from 'react';

/** Ages are told in minutes; twice a minute is often enough, and costs nothing to speak of. */
export const NOW_STEP_MS = 30_000;

/** The present moment, drawn anew every {@link NOW_STEP_MS}. */
export const useNow = (): number => {
  const [, step] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => step((count) => count + 1), NOW_STEP_MS);
    return () => clearInterval(timer);
  }, []);
  return Date.now();
};
