import { ActionIcon, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { copyForAMinute } from './clipboard.ts';
import { showError } from './error-note.tsx';

const START_LENGTH = 8;
const END_LENGTH = 4;
/** For so long the button says that it has copied. */
const COPIED_MS = 1_600;

/** `3fa91c02…77be`: enough to tell two apart by eye. What is no longer than that stays whole. */
export const shortHash = (text: string): string =>
  text.length <= START_LENGTH + END_LENGTH + 1 ? text : `${text.slice(0, START_LENGTH)}…${text.slice(-END_LENGTH)}`;

/** Shortens what follows the last colon: `key:b3fa91c0…77be`, `asset:cpu:bafyreib…2kqe`. */
export const shortId = (id: string): string => {
  const at = id.lastIndexOf(':') + 1;
  return `${id.slice(0, at)}${shortHash(id.slice(at))}`;
};

/**
 * Copies a text and says that it did.
 * @param props.text - or what makes it when the button is pressed, where it is long
 * @param props.clears - taken out of the clipboard again after a minute. @default false
 */
export const CopyButton = ({
  text,
  what,
  clears = false,
}: {
  text: string | (() => string);
  what: string;
  clears?: boolean;
}) => {
  const [hasCopied, setHasCopied] = useState(false);
  useEffect(() => {
    if (!hasCopied) return;
    const timer = setTimeout(() => setHasCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [hasCopied]);
  const copy = async (): Promise<void> => {
    try {
      const copied = typeof text === 'string' ? text : text();
      await (clears ? copyForAMinute(navigator.clipboard, copied) : navigator.clipboard.writeText(copied));
      setHasCopied(true);
    } catch {
      showError('It was not copied', {
        name: 'ClipboardError',
        code: 'CLIPBOARD_REFUSED',
        message:
          'This browser does not let the page write to the clipboard; select the text and copy it with the keyboard.',
      });
    }
  };
  return (
    <Tooltip label={hasCopied ? 'Copied' : `Copy ${what}`}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={22}
        className="hm-copy"
        aria-label={hasCopied ? `Copied ${what}` : `Copy ${what}`}
        onClick={() => void copy()}
      >
        {hasCopied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  );
};

/**
 * A hash or an id by its beginning and end, whole on hover, with a button that copies all of it.
 * @param props.what - what it names, for the button: `Copy the hash of the block`
 */
export const ShortHash = ({ value, what, href }: { value: string; what: string; href?: string }) => {
  const short = <code title={value}>{shortId(value)}</code>;
  return (
    <span className="hm-hash">
      {href === undefined ? short : <a href={href}>{short}</a>}
      <CopyButton text={value} what={what} />
    </span>
  );
};
