import { modals } from '@mantine/modals';
import type { ReactNode } from 'react';

/** Asks before something that cannot be taken back. The harmless answer has the focus. */
export const confirm = ({
  title,
  children,
  confirmLabel,
  onConfirm,
}: {
  title: string;
  children: ReactNode;
  confirmLabel: string;
  onConfirm(): void;
}): void => {
  modals.openConfirmModal({
    title,
    children,
    labels: { confirm: confirmLabel, cancel: 'Cancel' },
    confirmProps: { color: 'red' },
    cancelProps: { 'data-autofocus': true },
    onConfirm,
  });
};
