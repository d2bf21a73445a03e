import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { CallError } from '../../preload/contract/index.ts';
import { ToldText } from './told-text.tsx';

/** An error with its sentence, what to do (part of the sentence) and its code. Spoken at once. */
export const ErrorNote = ({ error, title, children }: { error: CallError; title?: string; children?: ReactNode }) => (
  <div className="hm-note" data-tone="problem" role="alert">
    <IconAlertTriangle size={18} aria-hidden className="hm-note-icon" />
    <div className="hm-grow">
      {title !== undefined && <p className="hm-note-title">{title}</p>}
      <p className="hm-break">
        <ToldText text={error.message} />
      </p>
      <p className="hm-small">
        Code <code>{error.code}</code>
      </p>
      {children}
    </div>
  </div>
);

/** A calm remark: something to know, or something that needs the owner. */
export const Note = ({
  tone = 'info',
  icon,
  title,
  children,
  action,
}: {
  tone?: 'info' | 'warning';
  icon?: ReactNode;
  title?: string;
  children: ReactNode;
  action?: ReactNode;
}) => (
  <div className="hm-note" data-tone={tone}>
    {icon ?? (tone === 'warning' ? <IconAlertTriangle size={18} aria-hidden className="hm-note-icon" /> : null)}
    <div className="hm-grow">
      {title !== undefined && <p className="hm-note-title">{title}</p>}
      {children}
    </div>
    {action}
  </div>
);

/** Tells of an error where there is no place on the page for it, such as a switch that went back. */
export const showError = (title: string, error: CallError): void => {
  notifications.show({
    color: 'red',
    title,
    message: (
      <>
        <ToldText text={error.message} /> <code>{error.code}</code>
      </>
    ),
    autoClose: 12_000,
    withBorder: true,
    closeButtonProps: { 'aria-label': 'Close this message' },
  });
};

/** Tells that something was done. */
export const showDone = (message: string): void => {
  notifications.show({
    message,
    autoClose: 5_000,
    withBorder: true,
    closeButtonProps: { 'aria-label': 'Close this message' },
  });
};
