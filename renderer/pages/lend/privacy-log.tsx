import { useEffect, useState } from 'react';
import type { ResponseOf } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { Panel } from '../../components/layout.tsx';
import { resourceName } from '../../components/quantity.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';

/** Changes of who may see and use what, and what was seen once each was in force. */
export const PrivacyLog = () => {
  const node = useNodeAccess();
  const share = useNode((state) => state.share);
  const [entries, setEntries] = useState<ResponseOf<'privacy:log'>['entries']>([]);
  // Read anew when the terms change, since that is what writes it.
  useEffect(() => {
    let stale = false;
    void node.ask('privacy:log', {}).then((reply) => reply.ok && !stale && setEntries(reply.value.entries));
    return () => {
      stale = true;
    };
  }, [node, share]);
  if (entries.length === 0) return null;
  return (
    <Panel title="What was changed" hint="And what was really open afterwards.">
      <ol className="hm-privacy-log">
        {entries.map((entry) => (
          <li key={`${entry.atMs} ${entry.resource}`}>
            <p>
              <strong>{resourceName(entry.resource)}</strong> from {entry.before} to {entry.after},{' '}
              <Age atMs={entry.atMs} />
            </p>
            <ul className="hm-small hm-dim">
              {entry.seen.map((line) => (
                <li key={line}>{sentence(line)}</li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </Panel>
  );
};
