import { FONT_FILE } from './font.ts';
import { loadOptional } from './optional-package.ts';

/** Beyond Latin, Greek, Cyrillic, punctuation, arrows and mathematical signs, the shipped font draws nothing. */
const BEYOND_OUR_FONT = /[^\s!-\u058f\u1e00-\u1fff\u2000-\u22ff]/u;

/**
 * An SVG as a PNG file, with the font that is shipped, so that its text looks the same on every machine and is there
 * on one without fonts. Only text in scripts that this font lacks looks for a font of the system.
 *
 * @param scale Pixels per unit of the drawing.
 * @throws MissingPackageError without `@resvg/resvg-js`.
 * @example await renderPng(await drawChart(chart, 'wide'))
 */
export async function renderPng(svg: string, scale = 2): Promise<Uint8Array> {
  const { Resvg } = await loadOptional(
    'Writing PNG files',
    '@resvg/resvg-js',
    () => import('@resvg/resvg-js'),
  );
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: {
      fontFiles: [FONT_FILE],
      loadSystemFonts: BEYOND_OUR_FONT.test(svg),
      defaultFontFamily: 'Liberation Sans',
      sansSerifFamily: 'Liberation Sans',
    },
  });
  return image.render().asPng();
}
