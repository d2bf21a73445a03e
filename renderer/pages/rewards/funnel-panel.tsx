import { Button, Select } from '@mantine/core';
import { IconArrowRight, IconCircleCheck, IconCircleDashed, IconCircleX, IconClockHour4 } from '@tabler/icons-react';
import { useState } from 'react';
import type { FunnelView, ResourceKey } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { Loading, Panel } from '../../components/layout.tsx';
import { resourceName } from '../../components/quantity.ts';
import { CopyButton } from '../../components/short-hash.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useNode } from '../../state/node-context.tsx';
import { hrefOf, parseRoute } from '../../state/route.ts';
import { useAsked } from './use-rewards.ts';

type Step = FunnelView['steps'][number];

const STATES: Record<Step['state'], { word: string; icon: typeof IconCircleCheck }> = {
  passed: { word: 'passed', icon: IconCircleCheck },
  failed: { word: 'stops here', icon: IconCircleX },
  waiting: { word: 'waiting', icon: IconClockHour4 },
  untried: { word: 'not reached', icon: IconCircleDashed },
};

/** Address of the page that a fix names, such as `share` or `share/cpu`; null for a page that is not there. */
const fixHref = (page: string | null): string | null => {
  if (page === null) return null;
  const name = page.replace(/^#?\//, '');
  const route = parseRoute(`#/${name}`);
  return route.page === 'home' && !name.startsWith('home') ? null : hrefOf(route.page, route.part ?? undefined);
};

const StepLine = ({ step, number, first }: { step: Step; number: number; first: boolean }) => {
  const { word, icon: Icon } = STATES[step.state];
  const href = fixHref(step.fix?.page ?? null);
  return (
    <li data-state={step.state} data-first={first || undefined} aria-current={first ? 'step' : undefined}>
      <span className="hm-funnel-mark" aria-hidden="true">
        <Icon size={20} stroke={1.75} />
      </span>
      <div className="hm-grow">
        <h3>
          {number}. {step.title} <span className="hm-funnel-word">{word}</span>
        </h3>
        <p className={step.state === 'untried' ? 'hm-small hm-dim' : 'hm-small'}>{sentence(step.sentence)}</p>
        {step.fix !== null && (first || step.state === 'failed') && (
          <div className="hm-funnel-fix">
            <p className="hm-grow">{sentence(step.fix.sentence)}</p>
            {href !== null && (
              <Button
                component="a"
                href={href}
                size="compact-md"
                rightSection={<IconArrowRight size={14} aria-hidden />}
              >
                Go there
              </Button>
            )}
            {step.fix.command !== null && (
              <span className="hm-hash">
                <code>{step.fix.command}</code>
                <CopyButton text={step.fix.command} what="the command" />
              </span>
            )}
          </div>
        )}
      </div>
    </li>
  );
};

/** Why nothing is earned with one resource: seven steps, the first that does not pass, its reason and its fix. */
export const FunnelPanel = ({ asked }: { asked: string | null }) => {
  const share = useNode((state) => state.share);
  const resources = share?.resources.map(({ resource }) => resource) ?? [];
  const [chosen, setChosen] = useState<ResourceKey | null>(null);
  const resource = chosen ?? resources.find((key) => key === asked) ?? resources[0] ?? 'cpu';
  const funnel = useAsked('rewards:funnel', { resource });
  // The answer before stays until the next is there, and then must not be read as that of another resource.
  const view = funnel.value?.resource === resource ? funnel.value : null;
  return (
    <Panel
      title="Why am I not earning?"
      hint="Seven steps lead from what you lend to what you get. The first that does not pass is the reason."
      actions={
        <Select
          aria-label="Which resource"
          data={(resources.length === 0 ? [resource] : resources).map((key) => ({
            value: key,
            label: resourceName(key),
          }))}
          value={resource}
          allowDeselect={false}
          w={200}
          onChange={(key) => key !== null && setChosen(key)}
        />
      }
    >
      {funnel.error !== null && <ErrorNote title="The steps could not be read" error={funnel.error} />}
      {view === null && funnel.error === null && <Loading what="the seven steps" />}
      {view !== null && (
        <>
          <p className="hm-funnel-answer" role="status" data-passed={view.first === null}>
            {sentence(view.answer)}
          </p>
          <ol className="hm-funnel" aria-label={`Steps for ${resourceName(resource)}`}>
            {view.steps.map((step, index) => (
              <StepLine key={step.step} step={step} number={index + 1} first={view.first === step.step} />
            ))}
          </ol>
        </>
      )}
    </Panel>
  );
};
