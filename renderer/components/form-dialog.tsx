import { Button, Modal } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';
import type { CallError, Reply } from '../../preload/contract/index.ts';
import { ErrorNote } from './error-note.tsx';

/** A dialog with one form, one action and the node's answer to it. */
export const FormDialog = <T,>({
  title,
  label,
  disabled = false,
  stays = false,
  send,
  onDone,
  onClose,
  children,
}: {
  title: string;
  label: string;
  disabled?: boolean;
  /** Open after the answer, which it shows. @default false */
  stays?: boolean;
  send(): Promise<Reply<T>>;
  onDone(value: T): void;
  onClose(): void;
  children: ReactNode;
}) => {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (disabled || busy) return;
    setBusy(true);
    setError(null);
    const reply = await send();
    setBusy(false);
    if (reply.ok) {
      onDone(reply.value);
      if (!stays) onClose();
    } else setError(reply.error);
  };
  return (
    <Modal opened onClose={onClose} title={title} centered closeButtonProps={{ 'aria-label': 'Close' }}>
      <form className="hm-stack" onSubmit={(event) => void submit(event)}>
        {children}
        {error !== null && <ErrorNote error={error} />}
        <div className="hm-row hm-dialog-actions">
          <Button variant="default" onClick={onClose}>
            {stays ? 'Close' : 'Cancel'}
          </Button>
          <Button type="submit" loading={busy} disabled={disabled}>
            {label}
          </Button>
        </div>
      </form>
    </Modal>
  );
};
