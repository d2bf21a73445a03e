import { Button, Modal, Select } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { CallError, LendingTerms, PrivacyPreview, ResourceKey } from '../../../preload/contract/index.ts';
import { ErrorNote, Note, showDone } from '../../components/error-note.tsx';
import { routeText } from '../../components/leases/lease-text.ts';
import { Loading } from '../../components/layout.tsx';
import { resourceName } from '../../components/quantity.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { ALLOCATION, PRIVACY, PRIVACY_LEVELS } from '../share/share-text.ts';

type Side = PrivacyPreview['before'];

const Mark = ({ value }: { value: boolean }) => (
  <span className="hm-privacy-mark" data-yes={value || undefined}>
    {value ? <IconCheck size={16} aria-hidden /> : <IconX size={16} aria-hidden />}
    <span className="hm-sr">{value ? 'yes' : 'no'}</span>
  </span>
);

const Rows = ({ side, title }: { side: Side; title: string }) => (
  <div className="hm-scroll-x">
    <table className="hm-table hm-privacy-table">
      <caption className="hm-sr">{title}</caption>
      <thead>
        <tr>
          <th scope="col">Who</th>
          <th scope="col">Finds it</th>
          <th scope="col">Connects</th>
          <th scope="col">Borrows</th>
          <th scope="col" className="hm-right">
            Peers now
          </th>
        </tr>
      </thead>
      <tbody>
        {side.rows.map((row) => (
          <tr key={row.who}>
            <th scope="row">{row.label}</th>
            <td>
              <Mark value={row.discover} />
            </td>
            <td>
              <Mark value={row.connect} />
            </td>
            <td>
              <Mark value={row.allocate} />
            </td>
            <td className="hm-right hm-number">{row.peersNow}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

const Lines = ({ title, lines, none }: { title: string; lines: readonly string[]; none: string }) => (
  <div>
    <h3>{title}</h3>
    {lines.length === 0 ? (
      <p className="hm-small hm-dim">{none}</p>
    ) : (
      <ul className="hm-small hm-privacy-lines">
        {lines.map((line) => (
          <li key={line}>{sentence(line)}</li>
        ))}
      </ul>
    )}
  </div>
);

/** Who may find, open and borrow a resource at a level, seen before the level is taken. */
export const PrivacyDialog = ({ resource, onClose }: { resource: ResourceKey; onClose(): void }) => {
  const node = useNodeAccess();
  const terms = useNode((state) => state.share?.resources.find((entry) => entry.resource === resource)?.terms);
  const [level, setLevel] = useState<LendingTerms['privacyLevel'] | null>(null);
  const [type, setType] = useState<LendingTerms['allocationType'] | null>(null);
  const [preview, setPreview] = useState<PrivacyPreview | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  const change = {
    ...(level !== null && { privacyLevel: level }),
    ...(type !== null && { allocationType: type }),
  };
  useEffect(() => {
    let stale = false;
    void node
      .ask('privacy:preview', {
        resource,
        terms: { ...(level !== null && { privacyLevel: level }), ...(type !== null && { allocationType: type }) },
      })
      .then((reply) => {
        if (stale) return;
        setError(reply.ok ? null : reply.error);
        if (reply.ok) setPreview(reply.value);
      });
    return () => {
      stale = true;
    };
  }, [node, resource, level, type, terms]);
  const take = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.setShare(resource, { terms: change });
    setBusy(false);
    if (!reply.ok) return setError(reply.error);
    showDone(`${resourceName(resource)}: ${PRIVACY[reply.value.terms.privacyLevel].label.toLowerCase()} from now on.`);
    onClose();
  };
  const name = resourceName(resource).toLowerCase();
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Who may borrow ${name}`}
      size="lg"
      centered
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <div className="hm-stack">
        <div className="hm-form-row">
          <Select
            label="Privacy level"
            data={PRIVACY_LEVELS.map((value) => ({ value, label: PRIVACY[value].label }))}
            value={level ?? terms?.privacyLevel ?? null}
            onChange={(value) => setLevel(value)}
            allowDeselect={false}
          />
          <Select
            label="Allocation type"
            data={Object.entries(ALLOCATION).map(([value, { label }]) => ({ value, label }))}
            value={type ?? terms?.allocationType ?? null}
            onChange={(value) => setType(value as LendingTerms['allocationType'])}
            allowDeselect={false}
          />
        </div>
        {error !== null && <ErrorNote error={error} />}
        {preview === null && error === null && <Loading what="what would be seen" />}
        {preview !== null && (
          <>
            <Rows side={preview.after} title={`Who may do what with ${name}`} />
            <Lines
              title="What others see"
              lines={preview.after.seen}
              none="Nothing: nobody else learns that it exists."
            />
            <Lines title="What opens" lines={preview.after.ports} none="No port and no protocol." />
            <Lines title="Where traffic may go" lines={preview.after.destinations} none="Nowhere but here." />
            <p className="hm-small hm-dim">
              Ways: {preview.after.routes.map((route) => routeText(route)).join(', ') || 'none'}.
            </p>
            {preview.changes.length > 0 && <Lines title="What is different from now" lines={preview.changes} none="" />}
            {preview.warnings.map((line) => (
              <Note key={line} tone="warning">
                <p>{sentence(line)}</p>
              </Note>
            ))}
          </>
        )}
        <div className="hm-row hm-dialog-actions">
          <a className="hm-small hm-grow" href={hrefOf('share', resource)} onClick={onClose}>
            Names, proofs and price
          </a>
          <Button variant="default" onClick={onClose}>
            {preview?.changes.length === 0 ? 'Close' : 'Cancel'}
          </Button>
          {preview !== null && preview.changes.length > 0 && (
            <Button loading={busy} onClick={() => void take()}>
              Take this level
            </Button>
          )}
        </div>
      </div>
    </Modal>
  );
};
