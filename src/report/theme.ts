/** A colour by what it stands for: in print and on light ground, and on dark ground. */
export interface ThemeColour {
  readonly light: string;
  readonly dark: string;
}

type ColourName =
  | 'ground'
  | 'panel'
  | 'rule'
  | 'ink'
  | 'quiet'
  | 'gain'
  | 'loss'
  | 'blue'
  | 'orange'
  | 'green'
  | 'purple'
  | 'slate'
  | 'ochre';

/**
 * All colours of pages and charts. The graphic ones follow Okabe and Ito's set, which readers with any colour vision
 * tell apart, darkened or lightened to a contrast of 3:1 against their ground; text has 4.5:1. No two light colours
 * are equal: a dark page finds each by its light value.
 */
export const THEME: Readonly<Record<ColourName, ThemeColour>> = {
  ground: { light: '#ffffff', dark: '#14181d' },
  panel: { light: '#f5f7f9', dark: '#1c2229' },
  rule: { light: '#d5dbe1', dark: '#38414b' },
  ink: { light: '#1b2026', dark: '#e8ecf0' },
  quiet: { light: '#56606b', dark: '#a3adb8' },
  gain: { light: '#006b4f', dark: '#4fd0a5' },
  loss: { light: '#b03a00', dark: '#ff9a66' },
  blue: { light: '#0072b2', dark: '#56b4e9' },
  orange: { light: '#d05a00', dark: '#f0953f' },
  green: { light: '#00805f', dark: '#35c79c' },
  purple: { light: '#a6407f', dark: '#e29bc5' },
  slate: { light: '#4a5560', dark: '#c3ccd5' },
  ochre: { light: '#8a6900', dark: '#e6c84b' },
};

/** First the family that is shipped, then its metric twins. */
export const FONT_FAMILY = 'Liberation Sans, Arial, Helvetica, sans-serif';

/** The light colour of each line of a chart, in order. */
export const LINE_COLOURS: readonly string[] = [
  THEME.blue.light,
  THEME.orange.light,
  THEME.green.light,
  THEME.purple.light,
  THEME.ochre.light,
  THEME.slate.light,
];

/**
 * CSS that turns the colours of a chart into the dark ones. A chart carries its light colours as attributes, so it
 * also stands alone; style rules win over attributes.
 */
export function chartColourRules(): string {
  return Object.values(THEME)
    .map(({ light, dark }) => `svg [fill="${light}"]{fill:${dark}}svg [stroke="${light}"]{stroke:${dark}}`)
    .join('\n');
}
