import { Button } from '@mantine/core';
import { type ReactNode, useMemo, useState } from 'react';
import type { Asset, LiveSample, LiveUse, Reading, ResourceKey } from '../../../preload/contract/index.ts';
import { MeterChart, type MeterSeries } from '../../components/meter-chart.tsx';
import { amountText, bytesText, percentText, rateText, shareOfText } from '../../components/quantity.ts';
import { clockSecondsText } from '../../components/time-text.ts';
import { ReadingValue, Unknown } from '../../components/unknown.tsx';
import { useLive, useNode } from '../../state/node-context.tsx';

/** Rows of the table that stands for the charts: every tenth second. */
const TABLE_STEP = 10;

const valueOf = (reading: Reading<number> | undefined): number | null =>
  reading?.known === true ? reading.value : null;
const liveOf = (sample: LiveSample | undefined, resource: ResourceKey): LiveUse | undefined =>
  sample?.uses.find((entry) => entry.resource === resource);
const lentPercent = (entry: LiveUse | undefined, asset: Asset | undefined): number | null => {
  const lent = valueOf(entry?.lentUsed);
  const capacity = valueOf(asset?.capacity);
  return lent === null || capacity === null || capacity === 0 ? null : (lent / capacity) * 100;
};
const sum = (a: Reading<number>, b: Reading<number>): number | null => (a.known && b.known ? a.value + b.value : null);
const highest = (values: readonly (number | null)[]): number =>
  values.reduce<number>((top, value) => (value !== null && value > top ? value : top), 0);

/** The four meters as numbers of one sample; charts and table are made from these alone. */
export interface MeterRow {
  atS: number;
  cpu: number | null;
  cpuLent: number | null;
  memory: number | null;
  memoryLent: number | null;
  network: number | null;
  networkLent: number | null;
  disk: number | null;
}

const NOTHING: Omit<MeterRow, 'atS'> = {
  cpu: null,
  cpuLent: null,
  memory: null,
  memoryLent: null,
  network: null,
  networkLent: null,
  disk: null,
};

const rowOf = (sample: LiveSample, assets: ReadonlyMap<ResourceKey, Asset>): MeterRow => ({
  atS: sample.atMs / 1000,
  cpu: valueOf(liveOf(sample, 'cpu')?.usedPercent),
  cpuLent: lentPercent(liveOf(sample, 'cpu'), assets.get('cpu')),
  memory: valueOf(liveOf(sample, 'memory')?.usedPercent),
  memoryLent: lentPercent(liveOf(sample, 'memory'), assets.get('memory')),
  network: sum(sample.networkReceivedBytesPerSecond, sample.networkSentBytesPerSecond),
  networkLent: valueOf(liveOf(sample, 'network')?.lentUsed),
  disk: sum(sample.diskReadBytesPerSecond, sample.diskWrittenBytesPerSecond),
});

/** Samples come once a second while a page shows them; after more than this long without one, nobody looked. */
const GAP_S_MAX = 3;

/** The rows with an empty one in each gap, so that no line is drawn across a time that was not measured. */
export const withGaps = (rows: readonly MeterRow[]): MeterRow[] =>
  rows.flatMap((row, index) => {
    const before = rows[index - 1];
    if (before === undefined || row.atS - before.atS <= GAP_S_MAX) return [row];
    return [{ ...NOTHING, atS: before.atS + 1 }, row];
  });

const reasonOf = (reading: Reading<unknown> | undefined): string =>
  reading === undefined
    ? 'No reading has come from the node yet.'
    : reading.known
      ? 'It could not be worked out.'
      : reading.reason;

const Meter = ({
  title,
  value,
  detail,
  lent,
  chart,
}: {
  title: string;
  value: ReactNode;
  detail: ReactNode;
  lent: ReactNode;
  chart: ReactNode;
}) => (
  <section className="hm-meter" aria-label={title}>
    <div className="hm-meter-head">
      <h3>{title}</h3>
      <p className="hm-meter-value">{value}</p>
    </div>
    {chart}
    <div className="hm-meter-foot">
      <span>{detail}</span>
      <span className="hm-meter-lent">{lent}</span>
    </div>
  </section>
);

const orUnknown = (
  value: number | null,
  text: (value: number) => string,
  reading: Reading<unknown> | undefined,
): ReactNode => (value === null ? <Unknown reason={reasonOf(reading)} /> : text(value));

const MeterTable = ({ rows }: { rows: readonly MeterRow[] }) => {
  const shown = rows.filter((_, index) => (rows.length - 1 - index) % TABLE_STEP === 0).toReversed();
  const cell = (value: number | null, text: (value: number) => string): string =>
    value === null ? 'unknown' : text(value);
  return (
    <div className="hm-scroll-x">
      <table className="hm-table">
        <caption className="hm-sr">Use of the machine, newest first, one row per ten seconds</caption>
        <thead>
          <tr>
            {['Time', 'CPU', 'CPU lent', 'Memory', 'Memory lent', 'Network', 'Network lent', 'Disk'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={row.atS}>
              <th scope="row">{clockSecondsText(row.atS * 1000)}</th>
              <td>{cell(row.cpu, percentText)}</td>
              <td>{cell(row.cpuLent, percentText)}</td>
              <td>{cell(row.memory, percentText)}</td>
              <td>{cell(row.memoryLent, percentText)}</td>
              <td>{cell(row.network, rateText)}</td>
              <td>{cell(row.networkLent, rateText)}</td>
              <td>{cell(row.disk, rateText)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** Processor, memory, network and disk over the last two minutes, with the lent part marked. */
export const Meters = () => {
  const live = useLive();
  const assets = useNode((state) => state.assets);
  const levels = useNode((state) => state.levels);
  const promises = useNode((state) => state.promises);
  const [asTable, setAsTable] = useState(false);

  const byResource = useMemo(() => new Map((assets ?? []).map((asset) => [asset.resource, asset])), [assets]);
  const rows = useMemo(() => live.map((sample) => rowOf(sample, byResource)), [live, byResource]);
  const series = useMemo(() => {
    const points = withGaps(rows);
    const atS = points.map((row) => row.atS);
    const of = (whole: keyof MeterRow, part: keyof MeterRow | null): MeterSeries => ({
      atS,
      whole: points.map((row) => row[whole]),
      part: points.map((row) => (part === null ? null : row[part])),
    });
    return {
      cpu: of('cpu', 'cpuLent'),
      memory: of('memory', 'memoryLent'),
      network: of('network', 'networkLent'),
      disk: of('disk', null),
    };
  }, [rows]);

  const sample = live.at(-1);
  const row = rows.at(-1);
  const cpu = liveOf(sample, 'cpu');
  const memory = liveOf(sample, 'memory');
  const network = liveOf(sample, 'network');
  const storage = liveOf(sample, 'storage');
  const levelOf = (resource: ResourceKey): number | null =>
    levels?.find((level) => level.resource === resource)?.percent ?? null;
  const storagePromised = promises?.find((promise) => promise.resource === 'storage')?.promised;

  const amountOf = (entry: LiveUse | undefined, resource: ResourceKey): ReactNode => {
    const asset = byResource.get(resource);
    const used = valueOf(entry?.used);
    const capacity = valueOf(asset?.capacity);
    if (used === null || capacity === null || asset === undefined)
      return orUnknown(null, String, entry?.used ?? asset?.capacity);
    return shareOfText(used, capacity, asset.unit);
  };
  const lentOf = (entry: LiveUse | undefined, resource: ResourceKey): ReactNode => {
    const asset = byResource.get(resource);
    return (
      <>
        Lent{' '}
        {entry === undefined || asset === undefined ? (
          <Unknown reason={reasonOf(undefined)} />
        ) : (
          <ReadingValue reading={entry.lentUsed}>{(value) => amountText(value, asset.unit)}</ReadingValue>
        )}
      </>
    );
  };
  const percentChart = (
    name: string,
    data: MeterSeries,
    now: number | null,
    lent: number | null,
    limit: number | null,
  ): ReactNode => (
    <MeterChart
      series={data}
      max={100}
      limit={limit}
      text={`${name} over the last two minutes: now ${now === null ? 'unknown' : percentText(now)}, highest ${percentText(highest(data.whole))}; lent now ${lent === null ? 'unknown' : percentText(lent)}${limit === null ? '' : `; level ${limit} %`}`}
    />
  );

  return (
    <section className="hm-panel" aria-labelledby="meters-title">
      <div className="hm-panel-head">
        <div className="hm-grow">
          <h2 id="meters-title">This machine now</h2>
          <p className="hm-legend hm-small hm-dim">
            <span className="hm-key" data-key="whole">
              in use
            </span>
            <span className="hm-key" data-key="lent">
              lent
            </span>
            <span className="hm-key" data-key="limit">
              level
            </span>
          </p>
        </div>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          aria-pressed={asTable}
          mr={-8}
          onClick={() => setAsTable(!asTable)}
        >
          {asTable ? 'Show charts' : 'Show as table'}
        </Button>
      </div>
      {asTable ? (
        <MeterTable rows={rows} />
      ) : (
        <div className="hm-meters">
          <Meter
            title="CPU"
            value={orUnknown(row?.cpu ?? null, percentText, cpu?.usedPercent)}
            detail={amountOf(cpu, 'cpu')}
            lent={lentOf(cpu, 'cpu')}
            chart={percentChart('CPU', series.cpu, row?.cpu ?? null, row?.cpuLent ?? null, levelOf('cpu'))}
          />
          <Meter
            title="Memory"
            value={orUnknown(row?.memory ?? null, percentText, memory?.usedPercent)}
            detail={amountOf(memory, 'memory')}
            lent={lentOf(memory, 'memory')}
            chart={percentChart(
              'Memory',
              series.memory,
              row?.memory ?? null,
              row?.memoryLent ?? null,
              levelOf('memory'),
            )}
          />
          <Meter
            title="Network"
            value={orUnknown(row?.network ?? null, rateText, sample?.networkReceivedBytesPerSecond)}
            detail={
              sample === undefined ? null : (
                <>
                  Received <ReadingValue reading={sample.networkReceivedBytesPerSecond}>{rateText}</ReadingValue>, sent{' '}
                  <ReadingValue reading={sample.networkSentBytesPerSecond}>{rateText}</ReadingValue>
                </>
              )
            }
            lent={
              <>
                Lent{' '}
                {network === undefined ? (
                  <Unknown reason={reasonOf(undefined)} />
                ) : (
                  <ReadingValue reading={network.lentUsed}>{rateText}</ReadingValue>
                )}
              </>
            }
            chart={
              <MeterChart
                series={series.network}
                max={null}
                text={`Network over the last two minutes: now ${row?.network == null ? 'unknown' : rateText(row.network)}, highest ${rateText(highest(series.network.whole))}`}
              />
            }
          />
          <Meter
            title="Disk"
            value={orUnknown(row?.disk ?? null, rateText, sample?.diskReadBytesPerSecond)}
            detail={
              sample === undefined ? null : (
                <>
                  Read <ReadingValue reading={sample.diskReadBytesPerSecond}>{rateText}</ReadingValue>, written{' '}
                  <ReadingValue reading={sample.diskWrittenBytesPerSecond}>{rateText}</ReadingValue>
                </>
              )
            }
            lent={
              <>
                Lent space{' '}
                {storage?.lentUsed.known === true ? (
                  bytesText(storage.lentUsed.value)
                ) : storagePromised !== undefined ? (
                  `${bytesText(storagePromised)} promised`
                ) : (
                  <Unknown reason={reasonOf(storage?.lentUsed)} />
                )}
              </>
            }
            chart={
              <MeterChart
                series={series.disk}
                max={null}
                text={`Disk over the last two minutes: now ${row?.disk == null ? 'unknown' : rateText(row.disk)}, highest ${rateText(highest(series.disk.whole))}`}
              />
            }
          />
        </div>
      )}
      {sample !== undefined && (
        <p className="hm-small hm-dim hm-meters-app">
          HyperMesh itself, jobs included: {percentText(sample.app.cpuPercentOfCore)} of one core,{' '}
          {bytesText(sample.app.memoryBytes)} of memory
        </p>
      )}
    </section>
  );
};
