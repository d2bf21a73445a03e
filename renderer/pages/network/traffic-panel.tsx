import { useMemo } from 'react';
import { MeterChart } from '../../components/meter-chart.tsx';
import { Bar, Fact, Facts, Panel } from '../../components/layout.tsx';
import { bytesText, percentText, rateText } from '../../components/quantity.ts';
import { sentence } from '../../components/unknown.tsx';
import { hrefOf } from '../../state/route.ts';
import { TRAFFIC_S, useTraffic } from './use-traffic.ts';

const limitText = (limit: number | null): string => (limit === null ? 'no limit' : `of ${rateText(limit)}`);

/** What goes over the line for others, against what the owner lets through. */
export const TrafficPanel = () => {
  const { now, points } = useTraffic();
  const series = useMemo(
    () => ({
      atS: points.map(({ atS }) => atS),
      whole: points.map(({ received }) => received),
      part: points.map(({ sent }) => sent),
    }),
    [points],
  );
  if (now === null) return null;
  const { monthBytes, monthLimitBytes } = now;
  const used = monthLimitBytes === null || monthLimitBytes === 0 ? null : (monthBytes / monthLimitBytes) * 100;
  const limits = [now.sendLimitBytesPerSecond, now.receiveLimitBytesPerSecond].filter((limit) => limit !== null);
  const highest = Math.max(0, ...points.map(({ sent, received }) => Math.max(sent, received)));
  const limit = limits.length === 0 ? null : Math.min(...limits);
  return (
    <Panel
      title="Traffic"
      hint={now.limitReason === '' ? 'Nothing limits it.' : sentence(now.limitReason)}
      actions={
        <a href={hrefOf('share', 'network')} className="hm-small">
          Limits
        </a>
      }
    >
      <div className="hm-traffic">
        <div>
          <p className="hm-traffic-key">
            <span>
              <span className="hm-series" data-series="part" aria-hidden="true" />
              Sent <strong>{rateText(now.sentBytesPerSecond)}</strong>{' '}
              <span className="hm-dim">{limitText(now.sendLimitBytesPerSecond)}</span>
            </span>
            <span>
              <span className="hm-series" data-series="whole" aria-hidden="true" />
              Received <strong>{rateText(now.receivedBytesPerSecond)}</strong>{' '}
              <span className="hm-dim">{limitText(now.receiveLimitBytesPerSecond)}</span>
            </span>
          </p>
          <MeterChart
            series={series}
            max={null}
            limit={limit !== null && limit < highest * 4 ? limit : null}
            windowS={TRAFFIC_S}
            text={`Traffic of the last two minutes: ${rateText(now.sentBytesPerSecond)} sent and ${rateText(now.receivedBytesPerSecond)} received now, at most ${rateText(highest)}.`}
          />
        </div>
        <div className="hm-stack-tight">
          <p className="hm-month">
            <span>This month</span>
            <span>
              {bytesText(monthBytes)}
              {monthLimitBytes !== null &&
                ` of ${bytesText(monthLimitBytes)}${used === null ? '' : `, ${percentText(used)}`}`}
            </span>
          </p>
          {used !== null && <Bar percent={used} tone={used >= 90 ? 'warning' : 'accent'} />}
          <Facts>
            <Fact name="Sent since the start">{bytesText(now.sentBytes)}</Fact>
            <Fact name="Received since the start">{bytesText(now.receivedBytes)}</Fact>
          </Facts>
        </div>
      </div>
    </Panel>
  );
};
