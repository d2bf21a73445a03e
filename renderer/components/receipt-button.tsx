import { Button } from '@mantine/core';
import { IconReceipt } from '@tabler/icons-react';
import { useState } from 'react';
import { useNodeAccess } from '../state/node-context.tsx';
import { showError } from './error-note.tsx';
import { saveFile } from './files.ts';

/** Saves the file with which anybody checks a settled lease, without a node. */
export const ReceiptButton = ({ lease }: { lease: string }) => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('receipts:file', { lease });
    setBusy(false);
    if (reply.ok) saveFile(reply.value.fileName, reply.value.bytes);
    else showError('There is no receipt file', reply.error);
  };
  return (
    <Button
      variant="default"
      size="compact-md"
      loading={busy}
      leftSection={<IconReceipt size={16} aria-hidden />}
      onClick={() => void save()}
    >
      Save the receipt file
    </Button>
  );
};
