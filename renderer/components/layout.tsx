import { type ReactNode, useEffect, useId } from 'react';

/** Top of a page: its only h1, one sentence, its main actions. Also sets the title of the window. */
export const PageHeader = ({
  title,
  children,
  actions,
}: {
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}) => {
  useEffect(() => {
    document.title = `${title} · HyperMesh`;
  }, [title]);
  return (
    <header className="hm-page-header">
      <div className="hm-grow">
        <h1 id="page-title" tabIndex={-1}>
          {title}
        </h1>
        {children !== undefined && <p className="hm-dim">{children}</p>}
      </div>
      {actions !== undefined && <div className="hm-row">{actions}</div>}
    </header>
  );
};

/** A section on a surface of its own. Its heading names it for screen readers. */
export const Panel = ({
  title,
  hint,
  actions,
  children,
  flush = false,
}: {
  title?: string;
  hint?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  flush?: boolean;
}) => {
  const id = useId();
  return (
    <section
      className="hm-panel"
      aria-labelledby={title === undefined ? undefined : id}
      data-flush={flush || undefined}
    >
      {title !== undefined && (
        <div className="hm-panel-head">
          <div className="hm-grow">
            <h2 id={id}>{title}</h2>
            {hint !== undefined && <p className="hm-small hm-dim">{hint}</p>}
          </div>
          {actions !== undefined && <div className="hm-row">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
};

/** Names beside values. */
export const Facts = ({ children }: { children: ReactNode }) => <dl className="hm-facts">{children}</dl>;

export const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="hm-fact">
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

/** One figure of several beside each other, and below it what it counts. Within a `dl` of the page's own. */
export const Figure = ({ name, hint, children }: { name: string; hint: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>
      {children}
      <span className="hm-small hm-dim">{hint}</span>
    </dd>
  </div>
);

/** Where a list will be once there is something in it: what it is for and how to begin. */
export const Empty = ({
  icon,
  title,
  children,
  action,
}: {
  icon: ReactNode;
  title: string;
  children: ReactNode;
  action?: ReactNode;
}) => (
  <div className="hm-empty">
    <span className="hm-empty-icon" aria-hidden="true">
      {icon}
    </span>
    <p className="hm-empty-title">{title}</p>
    <p className="hm-dim">{children}</p>
    {action}
  </div>
);

/** Shown until the node has told what a page needs; quiet, since it is there for a blink. */
export const Loading = ({ what }: { what: string }) => (
  <div className="hm-loading" role="status">
    <span className="hm-loading-bar" aria-hidden="true" />
    <span className="hm-dim hm-small">Reading {what} …</span>
  </div>
);

/** A short word with a colour that says the same. */
export const Tag = ({
  tone = 'neutral',
  children,
}: {
  tone?: 'neutral' | 'accent' | 'warning' | 'problem';
  children: ReactNode;
}) => (
  <span className="hm-tag" data-tone={tone}>
    {children}
  </span>
);

/** How far something is, from 0 to 100 %, with text beside it elsewhere; decoration, so hidden from screen readers. */
export const Bar = ({
  percent,
  mark,
  tone = 'accent',
}: {
  percent: number;
  mark?: number | undefined;
  tone?: 'accent' | 'neutral' | 'warning';
}) => (
  <span className="hm-bar" data-tone={tone} aria-hidden="true">
    <span className="hm-bar-fill" style={{ width: `${Math.min(100, Math.max(0, percent))}%` }} />
    {mark !== undefined && <span className="hm-bar-mark" style={{ left: `${Math.min(100, Math.max(0, mark))}%` }} />}
  </span>
);
