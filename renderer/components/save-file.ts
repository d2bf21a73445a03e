/** Hands bytes to the reader as a download. @param data - base64 */
export const saveFile = (name: string, data: string): void => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then; a URL that is kept would keep the bytes in memory.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
};
