import { Fragment } from 'react';

/**
 * A sentence of the node. It marks commands by backticks, as a terminal shows them; a page sets them as code.
 * A mark without its partner is left as it is.
 */
export const ToldText = ({ text }: { text: string }) => {
  const parts = text.split('`');
  if (parts.length % 2 === 0) return text;
  // The order never changes, so the index is a name.
  return parts.map((part, index) =>
    // oxlint-disable-next-line react/no-array-index-key
    index % 2 === 1 ? <code key={index}>{part}</code> : <Fragment key={index}>{part}</Fragment>,
  );
};
