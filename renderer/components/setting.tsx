import type { ReactNode } from 'react';

/** One setting: its name, what it does, and its control on the right. */
export const Setting = ({ title, hint, children }: { title: string; hint?: ReactNode; children: ReactNode }) => (
  <div className="hm-setting">
    <div className="hm-grow">
      <h3>{title}</h3>
      {hint !== undefined && <p className="hm-small hm-dim">{hint}</p>}
    </div>
    <div className="hm-setting-control">{children}</div>
  </div>
);
