import { Bar } from './layout.tsx';

/** A bar that tells screen readers how far something is. */
export const Progress = ({ label, percent, text }: { label: string; percent: number; text: string }) => (
  <div
    role="progressbar"
    aria-label={label}
    aria-valuenow={Math.round(percent)}
    aria-valuemin={0}
    aria-valuemax={100}
    aria-valuetext={text}
  >
    <Bar percent={percent} />
  </div>
);
