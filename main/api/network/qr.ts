import qrcode from 'qrcode';

/** Low correction (7 %): screens have no scratches, and the code stays small. */
export const qrRows = (text: string): string[] => {
  const { modules } = qrcode.create(text, { errorCorrectionLevel: 'L' });
  return Array.from({ length: modules.size }, (_row, row) =>
    Array.from({ length: modules.size }, (_column, column) => (modules.get(row, column) ? '1' : '0')).join(''),
  );
};
