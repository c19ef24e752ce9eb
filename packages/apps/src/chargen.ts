// What chargen sends, RFC 864: 94 printing characters in lines of 72, each line starting one further.

const LINE = 72;
/** A line with its CR LF. */
export const CHARGEN_LINE: number = LINE + 2;
export const CHARGEN_LINES = 94;

/** So many lines, from the first. After CHARGEN_LINES they come round. */
export function chargenPattern(lines: number): Uint8Array {
  const pattern = new Uint8Array(lines * CHARGEN_LINE);
  for (let line = 0, o = 0; line < lines; line++) {
    for (let i = 0; i < LINE; i++) pattern[o++] = 33 + ((line + i) % CHARGEN_LINES);
    pattern[o++] = 13;
    pattern[o++] = 10;
  }
  return pattern;
}
