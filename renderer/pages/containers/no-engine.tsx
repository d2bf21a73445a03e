import { Button } from '@mantine/core';
import { IconPlugConnectedX } from '@tabler/icons-react';
import { Empty, Panel } from '../../components/layout.tsx';
import { sentence } from '../../components/unknown.tsx';
import { hrefOf } from '../../state/route.ts';

/** Where nothing can be shown, because no engine answers: why, and who knows more. */
export const NoEngine = ({ problem }: { problem: string }) => (
  <Panel>
    <Empty
      icon={<IconPlugConnectedX size={22} stroke={1.75} />}
      title="No container engine"
      action={
        <Button component="a" href={hrefOf('containers', 'doctor')}>
          Ask the doctor
        </Button>
      }
    >
      {sentence(problem)} WebAssembly, JavaScript and Python jobs run without it.
    </Empty>
  </Panel>
);
