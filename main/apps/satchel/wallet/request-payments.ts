/** A payment that somebody was asked for. */
export interface AskedPayment {
  id: string;
  /** Null: the payer says. */
  amountMicro: bigint | null;
  createdAtMs: number;
}
/** What came in with the note of those requests. */
export interface NotedPayment {
  amountMicro: bigint;
  atMs: number;
}

/**
 * Which payments belong to which of several requests with one note: a payment never counts for two. It is taken for the oldest request
 * that it pays to the last micro-CAES, else for the oldest that is not paid yet, else for the newest one without an amount, else for
 * the newest, which has then been paid too much. Nothing that came in before a request was made is for it.
 *
 * @param requests - of one account, network and note, oldest first
 * @param payments - oldest first
 * @returns what was paid, by id of the request
 */
export const sharePayments = (
  requests: readonly AskedPayment[],
  payments: readonly NotedPayment[],
): Map<string, bigint> => {
  const paid = new Map(requests.map(({ id }) => [id, 0n]));
  const leftOf = ({ id, amountMicro }: AskedPayment): bigint | null =>
    amountMicro === null ? null : amountMicro - (paid.get(id) ?? 0n);
  for (const { amountMicro, atMs } of payments) {
    const there = requests.filter(({ createdAtMs }) => createdAtMs <= atMs);
    const taker =
      there.find((one) => leftOf(one) === amountMicro) ??
      there.find((one) => (leftOf(one) ?? 0n) > 0n) ??
      there.findLast((one) => one.amountMicro === null) ??
      there.at(-1);
    if (taker !== undefined) paid.set(taker.id, (paid.get(taker.id) ?? 0n) + amountMicro);
  }
  return paid;
};
