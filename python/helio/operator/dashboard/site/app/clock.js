// The time as Helio has it. Deadlines and periods are Helio's, and a browser's own clock may be an hour off.

/** What a clock may be off, in ms, without being corrected: the answers' own times are in whole seconds. */
const TOLERANCE = 3000;
/** An answer that took longer says too little about the time, in ms. */
const LONGEST = 2000;

let ahead = 0;

/** In ms since 1970. */
export function now() {
  return Date.now() - ahead;
}

/**
 * Learns from an answer how far the browser's clock is ahead.
 * @param {string | null} date the answer's header @param {number} began when it was asked for, by the browser's clock
 */
export function learn(date, began) {
  const ended = Date.now();
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told) || ended - began > LONGEST) return;
  const found = ended - told;
  ahead = Math.abs(found) > TOLERANCE ? found : 0;
}
