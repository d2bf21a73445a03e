import { Autocomplete } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useNodeAccess } from '../state/node-context.tsx';

const PEER_LENGTH_MAX = 128;

/** A peer by its name or id; names of those that are connected now are offered. */
export const PeerField = ({
  label,
  description,
  value,
  onChange,
}: {
  label: string;
  description: string;
  value: string;
  onChange(peer: string): void;
}) => {
  const node = useNodeAccess();
  const [names, setNames] = useState<readonly string[]>([]);
  useEffect(() => {
    let stale = false;
    void node.ask('network:peers', { connected: true }).then((reply) => {
      if (stale || !reply.ok) return;
      // A name is the owner's own word; two peers may have the same.
      setNames([...new Set(reply.value.peers.map((peer) => (peer.name === '' ? peer.peerId : peer.name)))]);
    });
    return () => {
      stale = true;
    };
  }, [node]);
  return (
    <Autocomplete
      label={label}
      description={description}
      data={[...names]}
      value={value}
      maxLength={PEER_LENGTH_MAX}
      onChange={onChange}
    />
  );
};
