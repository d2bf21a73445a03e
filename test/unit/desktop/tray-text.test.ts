import { describe, expect, it } from 'vitest';
import { levelLine, startOfTomorrowMs, type TrayFacts, trayIcon } from '../../../main/desktop/tray-text.ts';
import type { Level, NodeStatus, ResourceKey } from '../../../preload/contract/index.ts';

const nowMs = new Date(2026, 10, 20, 14, 5).getTime();
const status: NodeStatus = {
  version: '0.1.0',
  state: 'running',
  mode: 'desktop',
  startedAtMs: 0,
  pid: 1,
  dataFolder: '/x',
  phase: { number: 0, reason: 'r', nextNeeds: 'n' },
  api: { listening: false, reason: 'r' },
  jobsRunning: 0,
  firstRunDone: true,
  warnings: [],
};
const level = (resource: ResourceKey, percent: number, reason = 'Slider'): Level => ({
  resource,
  percent,
  rule: 'slider',
  reason,
  untilMs: null,
  all: [],
  unread: [],
});
const facts = (change: Partial<TrayFacts> = {}): TrayFacts => ({
  status,
  levels: [level('cpu', 40), level('memory', 0)],
  pause: { paused: false },
  ...change,
});

describe('tray', () => {
  it('says what is lent', () => {
    expect(levelLine(facts(), nowMs)).toBe('Lending CPU 40 %');
    expect(levelLine(facts({ levels: [level('cpu', 40), level('network', 5), level('container', 9)] }), nowMs)).toBe(
      'Lending CPU 40 %, network 5 %',
    );
    expect(trayIcon(facts())).toBe('lending');
  });

  it('says why nothing is lent', () => {
    const idle = facts({ levels: [level('cpu', 0, 'Week grid: 0 % until 18:00')] });
    expect(levelLine(idle, nowMs)).toBe('Lending nothing. Week grid: 0 % until 18:00');
    expect(trayIcon(idle)).toBe('idle');
  });

  it('says until when it is paused', () => {
    const until = (untilMs: number | null) => facts({ pause: { paused: true, sinceMs: 0, untilMs } });
    expect(levelLine(until(null), nowMs)).toBe('Paused until you resume');
    expect(levelLine(until(nowMs + 3_600_000), nowMs, 'en-GB')).toBe('Paused until 15:05');
    expect(levelLine(until(startOfTomorrowMs(nowMs)), nowMs, 'en-GB')).toMatch(/^Paused until Sat,? 00:00$/);
    expect(trayIcon(until(null))).toBe('paused');
  });

  it('does not guess before the node has spoken', () => {
    for (const missing of [
      { status: null },
      { levels: null },
      { pause: null },
      { status: { ...status, state: 'starting' as const } },
    ]) {
      expect(levelLine(facts(missing), nowMs)).toBe('Starting…');
      expect(trayIcon(facts(missing))).toBe('starting');
    }
    expect(levelLine(facts({ status: { ...status, state: 'stopping' } }), nowMs)).toBe('Stopping…');
  });

  it('shows that something needs the owner', () => {
    expect(trayIcon(facts({ status: { ...status, warnings: [{ code: 'X', message: 'y' }] } }))).toBe('attention');
  });

  it('ends "until tomorrow" at midnight, also over a change of clocks', () => {
    const start = new Date(startOfTomorrowMs(nowMs));
    expect([start.getDate(), start.getHours(), start.getMinutes()]).toEqual([21, 0, 0]);
    const lastOfMonth = new Date(startOfTomorrowMs(new Date(2026, 11, 31, 23, 59).getTime()));
    expect([lastOfMonth.getFullYear(), lastOfMonth.getMonth(), lastOfMonth.getDate()]).toEqual([2027, 0, 1]);
  });
});
