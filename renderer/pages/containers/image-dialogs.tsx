import { Radio, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ImageView } from '../../../preload/contract/index.ts';
import { FormDialog } from '../../components/form-dialog.tsx';
import { PeerField } from '../../components/peer-field.tsx';
import { bytesText } from '../../components/quantity.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { imageName, isImageReference } from './image-text.ts';

const REFERENCE_LENGTH_MAX = 512;

/** Which image, from its registry or from a peer. */
export const PullDialog = ({ onClose }: { onClose(): void }) => {
  const node = useNodeAccess();
  const [image, setImage] = useState('');
  const [from, setFrom] = useState<'registry' | 'peer'>('registry');
  const [peer, setPeer] = useState('');
  const wrong = image.trim() !== '' && !isImageReference(image);
  return (
    <FormDialog
      title="Get an image"
      label="Get it"
      disabled={!isImageReference(image) || (from === 'peer' && peer.trim() === '')}
      onClose={onClose}
      send={() => node.ask('images:pull', { image: image.trim(), ...(from === 'peer' && { from: peer.trim() }) })}
      onDone={() => {}}
    >
      <TextInput
        label="Image"
        placeholder="such as python:3.13-slim"
        description="Name and tag, or name and digest."
        error={wrong ? 'Write it as name:tag or name@sha256:…, without spaces.' : null}
        value={image}
        maxLength={REFERENCE_LENGTH_MAX}
        onChange={(event) => setImage(event.currentTarget.value)}
        data-autofocus
      />
      <Radio.Group label="From" value={from} onChange={(value) => setFrom(value)}>
        <div className="hm-stack-tight hm-image-choice">
          <Radio value="registry" label="Its registry" description="The engine fetches it, over the internet." />
          <Radio
            value="peer"
            label="A peer"
            description="Only the layers that are missing here, each checked by its digest."
          />
        </div>
      </Radio.Group>
      {from === 'peer' && (
        <PeerField label="Peer" description="It must let you have its images." value={peer} onChange={setPeer} />
      )}
    </FormDialog>
  );
};

/** To whom an image is sent. */
export const PushDialog = ({ image, onClose }: { image: ImageView; onClose(): void }) => {
  const node = useNodeAccess();
  const [peer, setPeer] = useState('');
  return (
    <FormDialog
      title={`Send ${imageName(image)}`}
      label="Send it"
      disabled={peer.trim() === ''}
      onClose={onClose}
      send={() => node.ask('images:push', { image: image.references[0] ?? image.id, to: peer.trim() })}
      onDone={() => {}}
    >
      <PeerField
        label="To"
        description={`At most ${bytesText(image.bytes)} are sent; layers that it has already stay where they are.`}
        value={peer}
        onChange={setPeer}
      />
    </FormDialog>
  );
};
