import { IconFileUpload } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';

/** A place to drop a file on, which is also a file input for everybody. */
export const FileDrop = ({
  accept,
  multiple = false,
  onFile,
  title,
  children,
}: {
  accept?: string;
  /** Whether several may be chosen or dropped at once. @default false */
  multiple?: boolean;
  /** Told of each file. */
  onFile(file: File): void;
  /** What to do, or the name of the file that was chosen. */
  title: string;
  /** What kind of file, or what the chosen one is. */
  children: ReactNode;
}) => {
  const [over, setOver] = useState(false);
  const take = (files: FileList | null): void => {
    for (const file of [...(files ?? [])].slice(0, multiple ? undefined : 1)) onFile(file);
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- dropping is a mouse's way; the file input inside is everybody's
    <label
      className="hm-drop"
      data-over={over || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer.files);
      }}
    >
      <IconFileUpload size={24} stroke={1.5} aria-hidden />
      <strong className="hm-break">{title}</strong>
      <span className="hm-small hm-dim">{children}</span>
      <input
        type="file"
        className="hm-sr"
        accept={accept}
        multiple={multiple}
        onChange={(event) => {
          take(event.currentTarget.files);
          // The same file may be chosen again after it was changed.
          event.currentTarget.value = '';
        }}
      />
    </label>
  );
};
