// How full one window of a limit or one pot of a budget is, and how long until there is more room.
import { now } from "./clock.js";
import { dayAndClock, holder, left, numeric, text } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { Badge } from "./parts.js";

const NEARLY_FULL = 0.8;

/**
 * A bucket of the API, with what counts in it as `used`, and its `share` of the maximum: 1 is full.
 * @param {any} bucket @param {"spent" | "current"} used @param {any} maximum
 */
export function withShare(bucket, used, maximum) {
  return { ...bucket, used: bucket[used], share: (numeric(bucket[used]) + numeric(bucket.reserved)) / numeric(maximum) };
}

/**
 * @param {{bucket: any, maximum: any, unit?: string, of?: string, pot?: boolean, again?: () => void}} props
 * the bucket as `withShare` gives it; `of` which rule or budget; of a `pot` charges leave all at once; `again` is called
 * when there should be more room
 */
export function Bucket({ bucket, maximum, unit = "", of = "", pot, again }) {
  const full = numeric(bucket.remaining) === 0; // A share is of doubles, which round a last digit away.
  const percent = Math.round(Math.min(1, bucket.share || 0) * 100);
  const kind = full ? "full" : bucket.share >= NEARLY_FULL ? "near" : "room";
  const name = holder(bucket.key);
  return html`<li class="bucket">
    <span class="bucket-key">${name}</span>
    <span class="bucket-number">${text(bucket.used)} / ${text(maximum)}
      ${kind !== "room" && html` <${Badge} kind=${full ? "bad" : "warn"} sign=${full ? "✕" : "!"}>${full ? "full" : "nearly full"}<//>`}</span>
    <div class="meter meter-${kind}" role="meter" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${percent}
      aria-valuetext=${`${text(bucket.used)} of ${text(maximum)} ${unit}`.trimEnd()}
      aria-label=${`${[of, name].filter(Boolean).join(", ")}: how full`}><div class="meter-fill" style=${{ width: `${percent}%` }}></div></div>
    <span class="muted bucket-reset">${numeric(bucket.reserved) > 0 && html`${text(bucket.reserved)} held by calls on their way. `}
      ${bucket.reset_at && html`<${Reset} at=${bucket.reset_at} pot=${pot} again=${again} />`}</span>
  </li>`;
}

/** When the oldest charge leaves, or all of them. @param {{at: string, pot?: boolean, again?: () => void}} props */
function Reset({ at, pot, again }) {
  const [time, setTime] = useState(now());
  const ms = Date.parse(at) - time;
  const over = ms <= 0;
  useEffect(() => {
    if (over) {
      again?.();
      return undefined;
    }
    const timer = setInterval(() => setTime(now()), 1000);
    return () => clearInterval(timer);
  }, [over, at]);
  if (over) return "More room about now";
  const what = pot ? "Empty, unless it is charged, in" : "More room in";
  return html`${what} <span role="timer" aria-live="off" class="countdown">${left(ms)}</span>, at ${dayAndClock(at)}`;
}
