import { Button } from '@mantine/core';
import { useState } from 'react';
import type { BenchmarkPart, BenchmarkResult, BenchmarkState, CallError } from '../../../preload/contract/index.ts';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { Bar, Panel } from '../../components/layout.tsx';
import { flopsText, rateText } from '../../components/quantity.ts';
import { dateTimeText, durationText } from '../../components/time-text.ts';
import { Unknown } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import './machine.css';

const PARTS: Record<BenchmarkPart, string> = {
  cpuSingle: 'one core',
  cpuAll: 'all cores',
  memory: 'memory',
  diskWrite: 'writing to disk',
  diskRead: 'reading from disk',
  gpu: 'graphics',
};
const ORDER = Object.keys(PARTS) as BenchmarkPart[];

const Results = ({ results }: { results: readonly BenchmarkResult[] }) => (
  <dl className="hm-results">
    {results.map((result) => (
      <div key={result.part}>
        <dt>{result.label}</dt>
        <dd>
          {result.value.known ? (
            result.unit === 'flops' ? (
              flopsText(result.value.value)
            ) : (
              rateText(result.value.value)
            )
          ) : (
            <Unknown word="not measured" reason={result.value.reason} />
          )}
        </dd>
      </div>
    ))}
  </dl>
);

const resultsOf = (benchmark: BenchmarkState): readonly BenchmarkResult[] =>
  benchmark.status === 'never' ? [] : benchmark.status === 'done' ? benchmark.results : benchmark.partial;

const hintOf = (benchmark: BenchmarkState): string => {
  switch (benchmark.status) {
    case 'never':
      return 'Measures processor, memory, disk and graphics in under 20 seconds. Nothing leaves this machine.';
    case 'running':
      return `Measuring ${PARTS[benchmark.part]} …`;
    case 'done':
      return `Measured ${dateTimeText(benchmark.startedAtMs)}, in ${durationText(benchmark.tookMs)}.`;
    case 'cancelled':
      return 'The last run was cancelled; what it had measured by then is kept.';
    case 'failed':
      return 'The last run did not get to its end.';
  }
};

/** How far the whole run is, from the part that runs and how far that is. */
export const progressOf = (benchmark: BenchmarkState): number =>
  benchmark.status === 'running'
    ? ((ORDER.indexOf(benchmark.part) + benchmark.progressPercent / 100) / ORDER.length) * 100
    : 0;

/** The benchmark: start, watch, cancel, results. */
export const BenchmarkPanel = () => {
  const node = useNodeAccess();
  const benchmark = useNode((state) => state.benchmark);
  const [error, setError] = useState<CallError | null>(null);
  if (benchmark === null) return null;
  const act = async (name: 'benchmark:start' | 'benchmark:cancel'): Promise<void> => {
    const reply = await node.ask(name, {});
    setError(reply.ok ? null : reply.error);
    if (reply.ok) node.store.setState({ benchmark: reply.value });
  };
  const running = benchmark.status === 'running';
  const percent = progressOf(benchmark);
  const results = resultsOf(benchmark);
  return (
    <Panel
      title="Benchmark"
      hint={hintOf(benchmark)}
      actions={
        running ? (
          <Button variant="default" onClick={() => void act('benchmark:cancel')}>
            Cancel
          </Button>
        ) : (
          <Button
            variant={benchmark.status === 'never' ? 'filled' : 'default'}
            onClick={() => void act('benchmark:start')}
          >
            {benchmark.status === 'never' ? 'Measure' : 'Measure again'}
          </Button>
        )
      }
    >
      {running && (
        <div
          role="progressbar"
          aria-label="Benchmark"
          aria-valuenow={Math.round(percent)}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuetext={`${Math.round(percent)} %, measuring ${PARTS[benchmark.part]}`}
          className="hm-progress"
        >
          <Bar percent={percent} />
        </div>
      )}
      {error !== null && <ErrorNote error={error} />}
      {benchmark.status === 'failed' && (
        <Note tone="warning">
          <p>{benchmark.reason}</p>
        </Note>
      )}
      <div aria-live="polite">{results.length > 0 && <Results results={results} />}</div>
    </Panel>
  );
};
