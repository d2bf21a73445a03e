import { Button } from '@mantine/core';
import { useEffect } from 'react';
import { Mark } from './mark.tsx';
import './shell.css';

/** A page that was opened without its token, or with one that the node no longer takes. */
export const NoToken = ({ refused = false, onForget }: { refused?: boolean; onForget?: () => void }) => {
  const title = refused ? 'This address is no longer valid' : 'This page needs its full address';
  useEffect(() => {
    document.title = `${title} · HyperMesh`;
  }, [title]);
  return (
    <main className="hm-door">
      <div className="hm-door-card">
        <Mark size={40} />
        <h1>{title}</h1>
        <p className="hm-dim">
          {refused
            ? 'The node gives out a new token each time it starts, and it did not take the one of this tab.'
            : 'The node answers only to those who hold its token, and the token is part of the address.'}
        </p>
        <p>On the machine where the node runs, type</p>
        <pre className="hm-code-block">hypermesh status</pre>
        <p className="hm-dim">
          and open the address that it prints. It ends in <code>#token=…</code>; this page takes the token out of the
          address bar and keeps it for this tab only.
        </p>
        {refused && onForget !== undefined && (
          <Button variant="default" onClick={onForget}>
            Try again
          </Button>
        )}
        {refused && (
          <p className="hm-small hm-dim">
            Code <code>UNAUTHORIZED</code>
          </p>
        )}
      </div>
    </main>
  );
};
