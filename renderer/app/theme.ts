import {
  type CSSVariablesResolver,
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
} from '@mantine/core';

/** The one accent: a deep petrol, that of the program's icon. What is lent, what is chosen and what can be pressed has this colour, nothing else. */
const mesh: MantineColorsTuple = [
  '#edf8fa',
  '#d9eff3',
  '#b3dfe7',
  '#7fcbd9',
  '#4fb3c5',
  '#2b95a9',
  '#1d7d91',
  '#14697b',
  '#0e586a',
  '#0a4352',
];
/** Neutrals of the light scheme, with a breath of the accent's hue. */
const gray: MantineColorsTuple = [
  '#f5f7f8',
  '#eef1f3',
  '#e2e7ea',
  '#d2d9dd',
  '#c1cace',
  '#8b979c',
  '#546168',
  '#3f4b51',
  '#293439',
  '#131a1d',
];
/** Neutrals of the dark scheme: text first, ground last, as Mantine numbers them. */
const dark: MantineColorsTuple = [
  '#e5ecef',
  '#c4cfd3',
  '#a0adb3',
  '#829096',
  '#324046',
  '#273237',
  '#1a2226',
  '#0e1417',
  '#0a0f11',
  '#06090a',
];

/**
 * Primary shade 8 in light and 3 in dark with automatic contrast: axe finds every text on a filled button readable
 * (white on #0e586a: 7.9:1; black on #7fcbd9: 11:1).
 */
export const theme = createTheme({
  colors: { mesh, gray, dark },
  primaryColor: 'mesh',
  primaryShade: { light: 8, dark: 3 },
  autoContrast: true,
  luminanceThreshold: 0.4,
  // The automatic contrast looks at the light scheme's shade in both schemes; filled parts take the text of their scheme.
  variantColorResolver: (input) => {
    const colors = defaultVariantColorsResolver(input);
    return input.variant === 'filled' ? { ...colors, color: 'var(--hm-on-filled)' } : colors;
  },
  black: '#131a1d',
  defaultRadius: 8,
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'var(--hm-font)',
  fontFamilyMonospace: 'var(--hm-font-mono)',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  lineHeights: { xs: '16px', sm: '20px', md: '20px', lg: '24px', xl: '28px' },
  spacing: { xs: '8px', sm: '12px', md: '16px', lg: '24px', xl: '32px' },
  headings: { fontFamily: 'var(--hm-font)', fontWeight: '620' },
  components: {
    Button: { defaultProps: { size: 'sm' } },
    Switch: { defaultProps: { withThumbIndicator: false } },
    // Fields side by side stay on one line whether or not they have a description.
    InputWrapper: { defaultProps: { inputWrapperOrder: ['label', 'input', 'description', 'error'] } },
    Tooltip: {
      defaultProps: {
        withArrow: true,
        multiline: true,
        maw: 320,
        events: { hover: true, focus: true, touch: true },
        openDelay: 150,
      },
    },
    Modal: {
      defaultProps: {
        centered: true,
        radius: 12,
        overlayProps: { backgroundOpacity: 0.45 },
        closeButtonProps: { 'aria-label': 'Close' },
      },
    },
    Menu: { defaultProps: { radius: 10, shadow: 'md' } },
    Select: { defaultProps: { allowDeselect: false, checkIconPosition: 'right' } },
  },
});

/** Lays Mantine's own variables onto ours, so that its parts and ours stand on the same ground. */
export const cssVariables: CSSVariablesResolver = () => {
  const shared = {
    '--mantine-color-body': 'var(--hm-surface)',
    '--mantine-color-text': 'var(--hm-text)',
    '--mantine-color-dimmed': 'var(--hm-text-2)',
    '--mantine-color-placeholder': 'var(--hm-text-3)',
    '--mantine-color-default': 'var(--hm-control)',
    '--mantine-color-default-hover': 'var(--hm-hover)',
    '--mantine-color-default-color': 'var(--hm-text)',
    '--mantine-color-default-border': 'var(--hm-line-strong)',
    '--mantine-color-error': 'var(--hm-problem)',
    '--mantine-color-anchor': 'var(--hm-accent-text)',
  };
  return { variables: {}, light: shared, dark: shared };
};
