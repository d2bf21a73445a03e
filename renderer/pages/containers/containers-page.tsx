import { Tabs } from '@mantine/core';
import { PageHeader } from '../../components/layout.tsx';
import { goTo } from '../../state/route.ts';
import { ContainerList } from './container-list.tsx';
import { DoctorPanel } from './doctor-panel.tsx';
import { ImageList } from './image-list.tsx';
import './containers.css';

const TABS = [
  { tab: 'list', label: 'Containers', page: ContainerList },
  { tab: 'images', label: 'Images', page: ImageList },
  { tab: 'doctor', label: 'Doctor', page: DoctorPanel },
] as const;

/** What jobs in images are made of: containers of this node, images, and whether the engine is well. */
export const ContainersPage = ({ part }: { part: string | null }) => {
  const shown = TABS.find(({ tab }) => tab === part)?.tab ?? 'list';
  return (
    <>
      <PageHeader title="Containers">
        What this node has in the container engine, and whether the engine is well.
      </PageHeader>
      <Tabs
        value={shown}
        keepMounted={false}
        onChange={(tab) => goTo('containers', tab === null || tab === 'list' ? undefined : tab)}
      >
        <Tabs.List aria-label="Parts of the engine">
          {TABS.map(({ tab, label }) => (
            <Tabs.Tab key={tab} value={tab}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map(({ tab, page: Page }) => (
          <Tabs.Panel key={tab} value={tab} className="hm-tab">
            <Page />
          </Tabs.Panel>
        ))}
      </Tabs>
    </>
  );
};
