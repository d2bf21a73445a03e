import {
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClockExclamation,
  IconHammer,
  IconHourglass,
  IconMapPin,
  IconUserCheck,
} from '@tabler/icons-react';
import type { ProofKind } from '../../../preload/contract/index.ts';
import { type MarkStatus, STATUSES } from './proof-text.ts';

const KIND_ICONS = { space: IconMapPin, stake: IconUserCheck, work: IconHammer, time: IconHourglass };
/** Shapes that differ without their colour: a tick, a cross, a clock, a broken ring. */
const STATUS_ICONS = {
  passed: IconCircleCheck,
  failed: IconCircleX,
  stale: IconClockExclamation,
  none: IconCircleDashed,
};

/** A proof's picture; always beside its name, so hidden from screen readers. */
export const KindGlyph = ({ kind, size = 16 }: { kind: ProofKind; size?: number }) => {
  const Icon = KIND_ICONS[kind];
  return <Icon size={size} stroke={1.75} aria-hidden focusable="false" />;
};

/** How a proof stands: a shape, a word and a colour that all say the same. */
export const StatusGlyph = ({ status }: { status: MarkStatus }) => {
  const Icon = STATUS_ICONS[status];
  return (
    <span className="hm-proof-status" data-status={status}>
      <Icon size={18} stroke={1.75} aria-hidden focusable="false" />
      <strong>{STATUSES[status]}</strong>
    </span>
  );
};
