// What every operator must see, wherever he is: `/api/health` asked now and then, as words.
import { get, Refused } from "./api.js";
import { connection, listen } from "./events.js";
import { html, signal } from "./html.js";
import { link, route } from "./router.js";

/** How old what is shown becomes, in ms. */
const REFRESH = 5000;

/** @typedef {{kind: "bad" | "warn", title: string, text: string, page?: string, more?: string}} Condition */

/** @type {{value: Condition[]}} */
const conditions = signal([]);

/** @param {any} health @returns {Condition[]} */
function conditionsOf({ audit, policy, tool_lock: lock, upstreams }) {
  const down = Object.entries(upstreams ?? {}).filter(([, each]) => each.status === "down").map(([name]) => name);
  /** @type {Array<[boolean, Condition]>} */
  const known = [
    [!audit.available, { kind: "bad", title: "The audit cannot be written.", text: "Calls are blocked until it can: the log says why." }],
    [audit.disk_nearly_full, { kind: "warn", title: "The disk of the audit is nearly full.", text: "When it is full, calls are blocked." }],
    [audit.index === "unavailable", { kind: "warn", title: "The audit cannot be asked.", text: "Calls go on and are recorded; lists and sums are missing." }],
    [policy.reload_failed, { kind: "bad", title: "The saved policy was not taken.", text: "The one before it goes on.", page: "policy", more: "What is wrong" }],
    [Boolean(lock?.reload_failed), { kind: "bad", title: "The saved helio.tools.lock was not taken.", text: "Tools stay accepted as before: the log says why.", page: "tools", more: "The tools" }],
    [down.length > 0, { kind: "bad", title: down.length === 1 ? `The upstream ${down[0]} is down.` : `The upstreams ${down.join(", ")} are down.`, text: "Calls to it fail." }],
  ];
  return known.filter(([holds]) => holds).map(([, condition]) => condition);
}

/** What a health answer says, also when its status is that nothing can be recorded. */
async function health() {
  try {
    return await get("/api/health");
  } catch (error) {
    if (error instanceof Refused && error.details.audit) return error.details;
    throw error;
  }
}

async function refresh() {
  try {
    const found = conditionsOf(await health());
    if (JSON.stringify(found) !== JSON.stringify(conditions.value)) conditions.value = found;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    conditions.value = []; // Nobody answers: that is what the sign of the connection says.
  }
}

/** Begins to follow them; the function that ends it. */
export function follow() {
  refresh();
  const seen = () => document.visibilityState === "visible" && refresh();
  const timer = setInterval(seen, REFRESH);
  document.addEventListener("visibilitychange", seen);
  const ends = [
    listen("policy_reloaded", refresh),
    listen("reset", refresh),
    connection.subscribe((state) => state === "live" && refresh()),
    () => document.removeEventListener("visibilitychange", seen),
    () => clearInterval(timer),
  ];
  return () => ends.forEach((end) => end());
}

/** Below the head of every page; what a page shows in full is left out on that page. */
export function Conditions() {
  const shown = conditions.value.filter(({ page }) => page !== "policy" || route.value.page !== "policy");
  return html`<div class="alerts" role="status" aria-label="What needs an eye now">
    ${shown.map(({ kind, title, text, page, more }) => html`<p key=${title} class="alert-line notice-${kind}">
      <span aria-hidden="true">${kind === "bad" ? "✕" : "!"}</span> <strong>${title}</strong> ${text}${page && html` <a href=${link(page)}>${more}</a>`}</p>`)}
  </div>`;
}
