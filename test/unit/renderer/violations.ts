import axe from 'axe-core';

/** What axe finds of any weight. Colours need a layout, so they are checked in the browser instead. */
export const violations = async (): Promise<string[]> => {
  const { violations: found } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } });
  return found.map(
    (violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(' ')).join(', ')}`,
  );
};
