import { request } from '../../../transport/stoq/index.ts';
import type { Link } from '../link.ts';
import {
  ANSWER_BYTES_MAX,
  decodeAnswer,
  encodeQuestion,
  type LeaseAnswer,
  LEASE_PROTOCOL,
  type LeaseQuestion,
} from '../protocol.ts';

/** @throws {StreamError} {PeerError} {LeaseFormatError} for an answer that is none */
export const ask = async (
  link: Pick<Link, 'openStream'>,
  question: LeaseQuestion,
  options: { deadlineMs: number; signal?: AbortSignal },
): Promise<LeaseAnswer> =>
  decodeAnswer(
    await request(link, LEASE_PROTOCOL, encodeQuestion(question), { bytesMax: ANSWER_BYTES_MAX, ...options }),
  );
