import { Button } from '@mantine/core';
import { IconStack } from '@tabler/icons-react';
import { useState } from 'react';
import type { ImagesState, ImageView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { confirm } from '../../components/confirm.tsx';
import { ErrorNote, showError } from '../../components/error-note.tsx';
import { Empty, Loading, Panel, Tag } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { shortId } from '../../components/short-hash.tsx';
import { useTold } from '../../components/use-told.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { PullDialog, PushDialog } from './image-dialogs.tsx';
import { ImagePolicyPanel } from './image-policy.tsx';
import { imageName } from './image-text.ts';
import { ImageTransfers } from './image-transfers.tsx';
import { NoEngine } from './no-engine.tsx';

/** Rows at first; a developer's engine has hundreds. */
const ROWS_STEP = 50;
/** Names of one image that are shown; the rest are counted. */
const NAMES_SHOWN = 3;

const Row = ({
  image,
  onPush,
  onState,
}: {
  image: ImageView;
  onPush(image: ImageView): void;
  onState(next: ImagesState): void;
}) => {
  const node = useNodeAccess();
  const name = imageName(image);
  const remove = async (): Promise<void> => {
    const reply = await node.ask('images:remove', { image: image.references[0] ?? image.id });
    if (reply.ok) onState(reply.value);
    else showError(`${name} was not removed`, reply.error);
  };
  const [, ...more] = image.references;
  return (
    <tr>
      <th scope="row" className="hm-break">
        {name}
        {more.slice(0, NAMES_SHOWN - 1).map((reference) => (
          <span key={reference} className="hm-small hm-dim hm-cell-sub">
            {reference}
          </span>
        ))}
        {image.references.length > NAMES_SHOWN && (
          <span className="hm-small hm-dim hm-cell-sub">and {image.references.length - NAMES_SHOWN} more names</span>
        )}
        <span className="hm-small hm-dim hm-cell-sub">
          <code title={image.id}>{shortId(image.id)}</code>, {image.layers} {image.layers === 1 ? 'layer' : 'layers'}
        </span>
      </th>
      <td data-label="Size">
        <span className="hm-number">{bytesText(image.bytes)}</span>
        <span className="hm-small hm-dim hm-cell-sub">
          {image.ownBytes >= image.bytes ? 'shares nothing' : `${bytesText(image.ownBytes)} its own`}
        </span>
      </td>
      <td data-label="Used">
        {image.jobs > 0 ? (
          <Tag tone="accent">
            {image.jobs} {image.jobs === 1 ? 'job' : 'jobs'} now
          </Tag>
        ) : image.usedAtMs === null ? (
          <span className="hm-dim">never by a job</span>
        ) : (
          <Age atMs={image.usedAtMs} />
        )}
        {image.createdAtMs !== null && (
          <span className="hm-small hm-dim hm-cell-sub">
            made <Age atMs={image.createdAtMs} />
          </span>
        )}
      </td>
      <td data-label="Whose">
        {image.ours ? (
          'brought by this node'
        ) : (
          <span className="hm-dim">
            {image.helper ? 'HyperMesh’s own; made again when it is missing' : 'yours; never taken away'}
          </span>
        )}
      </td>
      <td className="hm-right hm-cell-actions">
        <Button size="compact-sm" variant="default" onClick={() => onPush(image)}>
          Send …<span className="hm-sr"> {name}</span>
        </Button>{' '}
        {image.ours && (
          <Button
            size="compact-sm"
            variant="default"
            className="hm-stop"
            disabled={image.jobs > 0}
            onClick={() =>
              confirm({
                title: `Remove ${name}?`,
                children: 'It can be fetched again while its registry or a peer has it.',
                confirmLabel: 'Remove',
                onConfirm: () => void remove(),
              })
            }
          >
            Remove …<span className="hm-sr"> {name}</span>
          </Button>
        )}
      </td>
    </tr>
  );
};

/** Images that jobs can run in: what they take, whose they are, where they come from and where they go. */
export const ImageList = () => {
  const { value: state, error, set } = useTold('images:list', {}, 'images', (_before, news) => news);
  const [pulling, setPulling] = useState(false);
  const [pushed, setPushed] = useState<ImageView | null>(null);
  const [rows, setRows] = useState(ROWS_STEP);
  if (error !== null) return <ErrorNote error={error} />;
  if (state === null) return <Loading what="the images" />;
  if (state.problem !== '') return <NoEngine problem={state.problem} />;
  const { images } = state;
  return (
    <div className="hm-stack">
      <ImageTransfers transfers={state.transfers} />
      <Panel
        title="Images"
        hint={`${images.length === 1 ? '1 image' : `${images.length} images`} in the engine; those that this node brought take ${bytesText(state.usedBytes)}.`}
        actions={<Button onClick={() => setPulling(true)}>Get an image …</Button>}
      >
        {images.length === 0 ? (
          <Empty icon={<IconStack size={22} stroke={1.75} />} title="None yet">
            An image holds a program with all that it needs. Get one from its registry or from a peer.
          </Empty>
        ) : (
          <div className="hm-scroll-x">
            <table className="hm-table hm-containers">
              <thead>
                <tr>
                  <th scope="col">Image</th>
                  <th scope="col">Size</th>
                  <th scope="col">Used</th>
                  <th scope="col">Whose</th>
                  <th scope="col">
                    <span className="hm-sr">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {images.slice(0, rows).map((image) => (
                  <Row key={image.id} image={image} onPush={setPushed} onState={set} />
                ))}
              </tbody>
            </table>
            {images.length > rows && (
              <Button variant="subtle" size="compact-sm" onClick={() => setRows(rows + ROWS_STEP)}>
                Show {Math.min(ROWS_STEP, images.length - rows)} more
              </Button>
            )}
          </div>
        )}
      </Panel>
      <ImagePolicyPanel state={state} onState={set} />
      {pulling && <PullDialog onClose={() => setPulling(false)} />}
      {pushed !== null && <PushDialog image={pushed} onClose={() => setPushed(null)} />}
    </div>
  );
};
