import { fileURLToPath } from 'node:url';

/** The font that is shipped with the package: Liberation Sans, under the SIL Open Font License 1.1. */
export const FONT_FILE: string = fileURLToPath(
  new URL('../../assets/fonts/LiberationSans-Regular.ttf', import.meta.url),
);
