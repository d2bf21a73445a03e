import qrcode from 'qrcode';
import { useMemo } from 'react';

/** Light modules around a code, ISO/IEC 18004, section 6.3.8. */
const QUIET = 4;

/** One path of all dark modules, each run of a row as one rectangle. */
export const qrPath = (rows: readonly string[]): string =>
  rows
    .flatMap((row, y) =>
      [...row.matchAll(/1+/g)].map(({ index, 0: run }) => `M${index} ${y}h${run.length}v1h-${run.length}z`),
    )
    .join('');

/** A QR code that a phone reads in dark mode too: always dark on white. */
export const QrCode = ({ rows, text }: { rows: readonly string[]; text: string }) => (
  <svg
    className="hm-qr"
    viewBox={`${-QUIET} ${-QUIET} ${rows.length + 2 * QUIET} ${rows.length + 2 * QUIET}`}
    role="img"
    aria-label={text}
    shapeRendering="crispEdges"
  >
    <rect x={-QUIET} y={-QUIET} width="100%" height="100%" fill="#fff" />
    <path d={qrPath(rows)} fill="#000" />
  </svg>
);

/** Rows of modules, `1` for dark, as {@link QrCode} takes them. Codes of up to some hundred characters take about a millisecond. */
const rowsOf = (content: string): string[] => {
  const { size, data } = qrcode.create(content, { errorCorrectionLevel: 'M' }).modules;
  return Array.from({ length: size }, (_, row) =>
    Array.from(data.subarray(row * size, (row + 1) * size), (dark) => (dark === 0 ? '0' : '1')).join(''),
  );
};

/** A QR code made here, of an address or a link. */
export const QrOf = ({ content, text }: { content: string; text: string }) => {
  const rows = useMemo(() => rowsOf(content), [content]);
  return <QrCode rows={rows} text={text} />;
};
