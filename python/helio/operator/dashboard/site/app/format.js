// Times, durations and values as people read them.

const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat([], { month: "short", day: "2-digit" });
const DAY_OF_YEAR = new Intl.DateTimeFormat([], { year: "numeric", month: "short", day: "2-digit" });

/** @param {string | null | undefined} at ISO 8601 */
export function clock(at) {
  return at ? CLOCK.format(new Date(at)) : "–";
}

/** @param {string | null | undefined} at ISO 8601 */
export function dayAndClock(at) {
  if (!at) return "–";
  const when = new Date(at);
  const day = when.getFullYear() === new Date().getFullYear() ? DAY : DAY_OF_YEAR;
  return `${day.format(when)}, ${CLOCK.format(when)}`;
}

/** @param {unknown} told in ms, or nothing */
export function duration(told) {
  if (told === null || told === undefined) return "–";
  const ms = numeric(told);
  if (ms < 0.01) return "< 0.01 ms";
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return left(ms);
}

/** What is left of a time, in ms: `4:07`, `1:02:03`. @param {number} ms */
export function left(ms) {
  const all = Math.max(0, Math.ceil(ms / 1000));
  const parts = [Math.floor(all / 60) % 60, all % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(all / 3600);
  return hours ? `${hours}:${parts.join(":")}` : `${Number(parts[0])}:${parts[1]}`;
}

/** @type {Array<[string, number]>} */
const UNITS = [["d", 86_400], ["h", 3600], ["min", 60]];

/** A period as the file has it: `1 h`, `90 s`. @param {number} seconds */
export function period(seconds) {
  const [unit, size] = UNITS.find(([, each]) => seconds % each === 0) ?? ["s", 1];
  return `${seconds / size} ${unit}`;
}

/** A JSON value as text with all its digits. @param {unknown} value */
export function json(value) {
  return JSON.stringify(value, null, 2) ?? "";
}

/** A number of an answer as one to reckon with; what is shown is `text`. @param {any} value */
export function numeric(value) {
  return Number(value?.rawJSON ?? value ?? 0);
}

/** A value of a JSON document as one line. @param {unknown} value */
export function text(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "string") return value;
  return JSON.stringify(value);
}

/** What nobody sees or what moves other signs about, but for ends of lines, tabs, and how an emoji is drawn or joined of others. */
const UNSEEN = /(?![\n\t\uFE0E\uFE0F])(?!(?<=\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]?)\u200D\p{Extended_Pictographic})[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/** A text with escapes for what would make it look other than it is. @param {string} text */
export function visible(text) {
  return text.replace(UNSEEN, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);
}

/** The members of what is kept of a body that is too long to be kept. */
const OUTLINE = new Set(["sha256", "hmac_sha256", "size", "head"]);

/** Whether a value only outlines what was too long to be kept. @param {any} value */
export function isOutline(value) {
  return typeof value === "object" && value !== null && "size" in value && Object.keys(value).every((each) => OUTLINE.has(each));
}

/** Whose a window or a pot is, by its key. @param {string} key */
export function holder(key) {
  return key === "" || key === "global=" ? "all" : key;
}

/** `evidence_missing` as `evidence missing`. @param {string | null | undefined} word */
export function words(word) {
  return (word ?? "").replaceAll("_", " ");
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}
