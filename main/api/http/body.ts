/** A body as it was read. Crosses from a worker, so it is plain data. */
export type ReadBody =
  | { ok: true; fields: Record<string, unknown> }
  | { ok: false; fault: 'not-json' | 'not-an-object' };

const decoder = new TextDecoder();

/** Reads a body of JSON. No bytes at all are an object without fields. */
export const readBody = (bytes: Uint8Array): ReadBody => {
  if (bytes.length === 0) return { ok: true, fields: {} };
  let body: unknown;
  try {
    body = JSON.parse(decoder.decode(bytes));
  } catch {
    return { ok: false, fault: 'not-json' };
  }
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? { ok: true, fields: body as Record<string, unknown> }
    : { ok: false, fault: 'not-an-object' };
};
