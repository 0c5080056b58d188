import { describe, expect, test } from 'vitest';

import { LINE_COLOURS, THEME } from './theme.ts';

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** As WCAG 2.2 defines it. */
function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

describe.each(['light', 'dark'] as const)('%s colours', (theme) => {
  test.each(['ink', 'quiet', 'gain', 'loss', 'blue'] as const)('%s is legible as text', (name) => {
    expect(contrast(THEME[name][theme], THEME.ground[theme])).toBeGreaterThanOrEqual(4.5);
    expect(contrast(THEME[name][theme], THEME.panel[theme])).toBeGreaterThanOrEqual(4.5);
  });

  test.each(['blue', 'orange', 'green', 'purple', 'slate', 'ochre'] as const)('%s is seen', (name) => {
    expect(contrast(THEME[name][theme], THEME.ground[theme])).toBeGreaterThanOrEqual(3);
  });
});

test('a colour of a chart stands for one thing', () => {
  const light = Object.values(THEME).map((colour) => colour.light);
  expect(new Set(light).size).toBe(light.length);
  expect(light).toEqual(expect.arrayContaining([...LINE_COLOURS]));
});
