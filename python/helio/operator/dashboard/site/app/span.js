// The time that the analytics are about: which, in which steps, and which part of it was chosen.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** Periods up to now, in seconds. */
export const PERIODS = { "15m": 15 * MINUTE, "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY, "1y": 365 * DAY };
const USUAL = "24h";
/** The API's steps, in seconds. */
const STEPS = { "10s": 10, "1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "6h": 6 * HOUR, "1d": DAY };
const MOST_STEPS = 200;

/** @typedef {{from: number, to: number, step: string, seconds: number}} Span in ms; whole steps of `seconds` */

/**
 * Throws an `Error` for times that are none.
 * @param {URLSearchParams} query `period`, or `from` and `to`
 * @param {number} now in ms
 * @returns {Span}
 */
export function spanOf(query, now) {
  const given = query.get("from") || query.get("to");
  const period = query.get("period") ?? "";
  const length = 1000 * PERIODS[Object.hasOwn(PERIODS, period) ? period : USUAL];
  const to = query.get("to") ? Date.parse(query.get("to")) : now;
  const from = given && query.get("from") ? Date.parse(query.get("from")) : to - length;
  if (Number.isNaN(from) || Number.isNaN(to)) throw new Error("From or until is not a time.");
  if (from >= to) throw new Error("There is no time between from and until.");
  const names = Object.keys(STEPS);
  const step = names.find((name) => (to - from) / 1000 / STEPS[name] <= MOST_STEPS) ?? names.at(-1);
  const size = 1000 * STEPS[step];
  return { from: Math.floor(from / size) * size, to: Math.ceil(to / size) * size, step, seconds: STEPS[step] };
}

/**
 * The part of it that was chosen, in ms; null for none.
 * @param {URLSearchParams} query `since` and `until`
 */
export function partOf(query) {
  const [since, until] = [query.get("since"), query.get("until")].map((text) => Date.parse(text ?? ""));
  return since < until ? { from: since, to: until } : null;
}

/**
 * Whole steps around two times, in ms; null where that is no part of the span.
 * @param {Span} span @param {number} from @param {number} to
 */
export function wholeSteps({ from: first, to: last, seconds }, from, to) {
  const size = 1000 * seconds;
  const part = { from: Math.max(first, Math.floor(from / size) * size), to: Math.min(last, Math.ceil(to / size) * size) };
  return part.from < part.to ? part : null;
}

/**
 * Every step of a span, with what the API told of it; null where nothing happened.
 * @param {Span} span @param {Array<{at: string}>} told
 * @returns {{times: number[], rows: any[]}} times in seconds since 1970
 */
export function everyStep({ from, to, seconds }, told) {
  const known = new Map(told.map((row) => [Date.parse(row.at) / 1000, row]));
  const times = Array.from({ length: (to - from) / 1000 / seconds }, (_, at) => from / 1000 + at * seconds);
  return { times, rows: times.map((time) => known.get(time) ?? null) };
}

/** @param {number} ms */
export function iso(ms) {
  return new Date(ms).toISOString();
}
