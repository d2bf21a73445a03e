import type { CallError } from '../../preload/contract/index.ts';
import { bytesText } from './quantity.ts';

/** `String.fromCharCode` takes its characters as arguments, of which there may not be too many. */
const PIECE_BYTES = 32_768;
/** The browser reads the address of a download some time after the click. */
const RELEASE_MS = 60_000;

export const base64Of = (bytes: Uint8Array): string => {
  let binary = '';
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES));
  return btoa(binary);
};

/** By a plain loop: a function called for each of 16 million bytes holds the page for a second. */
export const bytesOfBase64 = (text: string): Uint8Array<ArrayBuffer> => {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
};

/** Hands a file to the browser, or to the window's save dialog. */
export const saveBlob = (fileName: string, blob: Blob): void => {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), RELEASE_MS);
};

/** {@link saveBlob} of base64, as the node gives small files. */
export const saveFile = (fileName: string, base64: string): void =>
  saveBlob(fileName, new Blob([bytesOfBase64(base64)], { type: 'application/octet-stream' }));

/** Reads a chosen file whole, unless it is empty, too large or gone. */
export const readFile = async (
  file: File,
  bytesMax: number,
  what: string,
): Promise<{ ok: true; value: string } | { ok: false; error: CallError }> => {
  const refuse = (code: string, message: string) => ({
    ok: false as const,
    error: { name: 'FileError', code, message },
  });
  if (file.size === 0) return refuse('FILE_EMPTY', `${file.name} is empty; choose ${what}.`);
  if (file.size > bytesMax)
    return refuse(
      'FILE_TOO_LARGE',
      `${file.name} has ${bytesText(file.size)}, and ${what} has at most ${bytesText(bytesMax)}; choose another file.`,
    );
  try {
    return { ok: true, value: base64Of(new Uint8Array(await file.arrayBuffer())) };
  } catch {
    return refuse(
      'FILE_UNREADABLE',
      `${file.name} could not be read; check that it still exists and that you may read it.`,
    );
  }
};
