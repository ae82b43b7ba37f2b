// What happens now: every call as it ends, newest first.
import { get } from "../api.js";
import { connection, listen } from "../events.js";
import { clock, counted, dayAndClock, duration, words } from "../format.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { Decision, Empty, Failure, LATER, passes } from "../parts.js";
import { go, link, route } from "../router.js";

/** Calls that are kept; older ones are in the audit. */
const KEPT = 300;

/** Rows newest first, each once. @param {any[]} added @param {any[]} rows */
function merged(added, rows) {
  const known = new Set(added.map((row) => row.id));
  return [...added, ...rows.filter((row) => !known.has(row.id))].slice(0, KEPT);
}

/** @param {any} row @param {string} wanted @param {string} only */
function fits(row, wanted, only) {
  if (only === "blocked" && !row.block_reason) return false;
  if (only === "allowed" && row.block_reason) return false;
  if (!wanted) return true;
  const texts = [row.tool_name, row.agent_id, row.matched_rule, row.session_id, row.block_reason, row.upstream, row.id];
  return texts.some((text) => text?.toLowerCase().includes(wanted));
}

/** The calls, and how many wait while it is paused. @param {boolean} paused */
function useCalls(paused) {
  const [rows, setRows] = useState([]);
  const [error, setError] = useState(null);
  const [loaded, setLoaded] = useState(false);
  const [held, setHeld] = useState(0);
  const pending = useRef([]);
  const stopped = useRef(paused);
  stopped.current = paused;
  const later = useRef({ timer: 0, over: false });

  const load = async () => {
    clearTimeout(later.current.timer);
    try {
      const found = await get("/api/feed", { limit: 100 });
      const calls = found.data.filter((row) => row.record_kind === "tool_call");
      setRows((before) => merged(before, calls).sort((one, other) => other.ended_seq - one.ended_seq));
      setError(null);
      setLoaded(true);
    } catch (failure) {
      setError(failure);
      if (passes(failure) && !later.current.over) later.current.timer = setTimeout(load, LATER);
    }
  };
  const show = () => {
    if (stopped.current || !pending.current.length) return;
    const added = pending.current.reverse();
    pending.current = [];
    setHeld(0);
    setRows((before) => merged(added, before));
  };
  useEffect(() => {
    let drawing = 0;
    let followed = false;
    if (connection.value !== "live") load();
    const ends = [
      listen("action", (row) => {
        pending.current.push(row);
        if (pending.current.length > KEPT) pending.current.shift();
        if (drawing) return;
        drawing = setTimeout(() => {
          drawing = 0;
          if (stopped.current) setHeld(pending.current.length);
          show();
        }, 100);
      }),
      listen("reset", load),
      // Once events come: what happened before is asked for, what happens later is told.
      connection.subscribe((state) => {
        if (state !== "live" || followed) return;
        followed = true;
        load();
      }),
      () => clearTimeout(drawing),
      () => {
        later.current.over = true;
        clearTimeout(later.current.timer);
      },
    ];
    return () => ends.forEach((end) => end());
  }, []);
  useEffect(show, [paused]);
  return { rows, error, loaded, held, load };
}

export function Live() {
  const [paused, setPaused] = useState(false);
  const { rows, error, loaded, held, load } = useCalls(paused);
  const wanted = (route.value.query.get("find") ?? "").toLowerCase();
  const only = route.value.query.get("only") ?? "";
  const ask = (change) => {
    const query = { find: route.value.query.get("find") ?? "", only, ...change };
    go(link("live", "", query), { replace: true });
  };
  const shown = rows.filter((row) => fits(row, wanted, only));
  return html`
    <div class="page-head">
      <h1>Live</h1>
      <div class="tools">
        <label class="tool"><span class="unseen">Find in what is shown</span>
          <input class="input" type="search" placeholder="Tool, agent, rule, session…" value=${route.value.query.get("find") ?? ""}
            onInput=${(event) => ask({ find: event.target.value })} /></label>
        <label class="tool"><span class="unseen">Decision</span>
          <select class="input" value=${only} onChange=${(event) => ask({ only: event.target.value })}>
            <option value="">All calls</option>
            <option value="allowed">Allowed</option>
            <option value="blocked">Blocked</option>
          </select></label>
        <button type="button" class="button" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>
          ${paused ? `Resume${held ? ` (${held} new)` : ""}` : "Pause"}
        </button>
      </div>
    </div>
    ${error && html`<${Failure} error=${error} again=${load} />`}
    ${shown.length ? html`<${Calls} rows=${shown} />` : (loaded || rows.length > 0) && html`<${Nothing} some=${rows.length > 0} />`}
    ${shown.length > 0 && html`<p class="foot">${counted(shown.length, "call")} shown, the latest first. <a href=${link("audit")}>All others are in the audit.</a></p>`}`;
}

/** @param {{some: boolean}} props */
function Nothing({ some }) {
  if (some) return html`<${Empty} title="No call fits">Of the latest calls none is like that.<//>`;
  return html`<${Empty} title="No calls yet">As soon as an agent calls a tool through Helio, it is here.<//>`;
}

/** @param {{rows: any[]}} props */
export function Calls({ rows }) {
  return html`<div class="table-wrap"><table class="table table-calls">
    <thead><tr>
      <th scope="col">Time</th><th scope="col">Decision</th><th scope="col">Tool</th>
      <th scope="col">Rule or reason</th><th scope="col">Agent</th><th scope="col" class="number">Took</th>
    </tr></thead>
    <tbody>${rows.map((row) => html`<${Call} key=${row.id} row=${row} />`)}</tbody>
  </table></div>`;
}

/** @param {{row: any}} props */
function Call({ row }) {
  const who = row.agent_id ?? (row.session_id ? `session ${row.session_id}` : "–");
  return html`<tr>
    <td class="time" data-label="Time" title=${dayAndClock(row.timestamp)}>${clock(row.timestamp)}</td>
    <td data-label="Decision"><${Decision} row=${row} /></td>
    <td class="name" data-label="Tool"><a href=${link("audit", row.id)}>${row.tool_name ?? words(row.block_reason) ?? "–"}</a></td>
    <td class="muted" data-label="Rule">${words(row.block_reason) || row.matched_rule || "default"}${row.block_reason && row.matched_rule ? ` · ${row.matched_rule}` : ""}</td>
    <td class="muted" data-label="Agent">${who}</td>
    <td class="number" data-label="Took">${duration(row.total_duration_ms)}</td>
  </tr>`;
}
