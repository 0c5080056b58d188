const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What XML cannot hold in any form, and half surrogate pairs. */
const UNWRITABLE = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu;

/**
 * Text for the inside of an element or of a quoted attribute, in HTML and in SVG.
 *
 * @example escapeText('<a & b>') // '&lt;a &amp; b&gt;'
 */
export function escapeText(text: string): string {
  return text
    .replace(UNWRITABLE, '\ufffd')
    .replace(/[&<>"']/g, (character: string) => ENTITIES[character] ?? character);
}

/** The same, and a browser may break the line after a plus, a slash or an underscore, as in long names. */
export function escapeBreakable(text: string): string {
  return escapeText(text).replace(/[+/_](?=[A-Za-z])/g, '$&<wbr>');
}
