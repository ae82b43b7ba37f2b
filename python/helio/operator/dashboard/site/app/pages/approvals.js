// Calls that wait for a person: what they would do, why somebody is asked, and the answer.
import { get, post } from "../api.js";
import { now } from "../clock.js";
import { clock, counted, left, text, words } from "../format.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../html.js";
import { Bucket, withShare } from "../levels.js";
import { Decision, Dialog, Empty, Facts, Failure, Field, Json, Ordered, Sentence, Status, useAsked } from "../parts.js";
import { go, link, route } from "../router.js";
import { say } from "../saying.js";
import { drafts, name, rename, session } from "../session.js";
import { askToNotify, failure, permission, refresh, waiting } from "../tickets.js";
import { Difference } from "./difference.js";

export function Approvals() {
  const tickets = waiting.value;
  const [asking, setAsking] = useState(null);
  const id = route.value.rest;
  const chosen = tickets?.find((ticket) => ticket.id === id);
  useEffect(() => {
    // The address holds what is looked at, so that nothing else takes its place under a key or a pointer.
    if (!id && tickets?.length) go(link("approvals", tickets[0].id), { replace: true });
  }, [id, tickets]);
  useKeys(setAsking);
  return html`
    <div class="page-head">
      <h1>Approvals</h1>
      <div class="tools"><${DecideAs} /><${Notifications} /></div>
    </div>
    ${failure.value && html`<${Failure} error=${failure.value} again=${refresh} />`}
    ${tickets?.length === 0 && html`<${Empty} title="Nothing waits for you">A call that a rule or a budget holds back for a person is here at once.<//>`}
    ${tickets?.length > 0 && html`<div class="split">
      <${Queue} tickets=${tickets} chosen=${chosen} />
      ${chosen ? html`<${Ticket} key=${id} ticket=${chosen} ask=${setAsking} />` : id && html`<${Over} key=${id} id=${id} more />`}
    </div>`}
    ${tickets?.length === 0 && id && html`<${Over} key=${id} id=${id} />`}
    <${Resolved} />
    ${asking && html`<${Question} about=${asking} onClose=${() => setAsking(null)} />`}`;
}

function DecideAs() {
  return html`<label class="tool tool-inline"><span>Decide as</span>
    <input class="input input-short" value=${name.value} maxlength="100" placeholder="your name" onChange=${(event) => rename(event.target.value.trim())} />
  </label>`;
}

function Notifications() {
  if (permission.value !== "default") return null;
  return html`<button type="button" class="button" onClick=${askToNotify}>Notify me</button>`;
}

/** @param {(question: any) => void} ask */
function useKeys(ask) {
  // As soon as a call is seen, keys are about it.
  useLayoutEffect(() => {
    const pressed = (event) => {
      const typing = event.target.closest("input, select, textarea, dialog");
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      // As it is now, and not as it was drawn last: keys may come faster.
      const tickets = waiting.value ?? [];
      const at = tickets.findIndex((ticket) => ticket.id === route.value.rest);
      const next = { j: tickets[at + 1], k: tickets[at - 1] }[event.key];
      if (next) go(link("approvals", next.id));
      const verb = { a: "approve", d: "deny" }[event.key];
      if (verb && tickets[at]) {
        event.preventDefault();
        ask({ verb, ticket: tickets[at] });
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

/** What is left of a ticket's time, in ms; as the clock goes on. @param {string} end */
function useLeft(end) {
  const [time, setTime] = useState(now());
  useEffect(() => {
    const timer = setInterval(() => setTime(now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return Date.parse(end) - time;
}

/** @param {{ticket: any}} props */
function Deadline({ ticket }) {
  const ms = useLeft(ticket.timeout_at);
  const soon = ms < 60_000;
  return html`<span class="deadline ${soon ? "deadline-soon" : ""}" role="timer">${ms > 0 ? left(ms) : "over"}</span>`;
}

/** The arguments in one short line. @param {unknown} input */
function summary(input) {
  const line = JSON.stringify(input) ?? "";
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

/** Calls that are drawn at once: those around the one that is looked at. */
const DRAWN = 200;

/** @param {{tickets: any[], chosen: any}} props */
function Queue({ tickets, chosen }) {
  const start = Math.max(0, tickets.indexOf(chosen) - DRAWN / 2);
  const drawn = tickets.slice(start, start + DRAWN);
  const after = tickets.length - start - drawn.length;
  const list = useRef(null);
  useEffect(() => list.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" }), [chosen?.id]);
  return html`<nav class="queue" aria-label="Calls that wait">
    <p class="queue-head">${counted(tickets.length, "call")} waiting</p>
    ${start > 0 && html`<p class="queue-head">${counted(start, "more urgent call")} before these</p>`}
    <ol ref=${list}>${drawn.map((ticket) => html`<li key=${ticket.id}>
      <a class="queue-item" href=${link("approvals", ticket.id)} aria-current=${ticket === chosen ? "true" : undefined}>
        <span class="name">${ticket.tool_name}</span><${Deadline} ticket=${ticket} />
        <span class="queue-why"><code><${Ordered} text=${summary(ticket.tool_input)} /></code></span>
        <span class="muted queue-why">${ticket.matched_rule ?? ticket.kind} · ${ticket.agent_id ?? ticket.session_id ?? "no session"}</span>
      </a></li>`)}</ol>
    ${after > 0 && html`<p class="queue-head">${counted(after, "less urgent call")} after these</p>`}
  </nav>`;
}

/** @param {{ticket: any, ask: (question: any) => void}} props */
function Ticket({ ticket, ask }) {
  const about = (verb) => () => ask({ verb, ticket });
  return html`<article class="card ticket" aria-labelledby="ticket-title">
    <header class="ticket-head">
      <h2 id="ticket-title" class="name">${ticket.tool_name}</h2>
      <p class="muted">${ticket.default_on_timeout === "allow" ? "Allowed" : "Denied"} by itself in ${" "}<${Deadline} ticket=${ticket} /></p>
    </header>
    <ul class="reasons">${ticket.reasons.map((reason) => html`<li><${Sentence} text=${reason} /></li>`)}</ul>
    <div class="ticket-actions">
      <button type="button" class="button button-primary" onClick=${about("approve")}>Approve <kbd>A</kbd></button>
      <button type="button" class="button button-danger" onClick=${about("deny")}>Deny <kbd>D</kbd></button>
      ${session.value.state === "in" && html`<button type="button" class="button button-quiet" onClick=${about("break-glass")}>Break glass…</button>`}
    </div>
    <h3>What it would do</h3>
    <${Json} value=${ticket.tool_input} label="Arguments of the call" />
    ${ticket.kind === "drift" && html`<h3>How the tool changed</h3><${Difference} tool=${ticket.tool_name} upstream=${ticket.upstream} about=${ticket.id} />`}
    <${Budgets} breached=${ticket.breached_budgets} />
    <h3>About it</h3>
    <${Facts} of=${[
      ["Rule", ticket.matched_rule],
      ["Agent", ticket.agent_id],
      ["Session", ticket.session_id],
      ["Upstream", ticket.upstream],
      ["Environment", ticket.environment],
      ["Asked at", clock(ticket.requested_at)],
      ["The agent", ticket.mode === "hold" ? "waits for the answer" : "comes back for the answer"],
      ["Asked by", ticket.channel_name],
      ["Ticket", html`<code>${ticket.id}</code>`],
    ]} />
    ${ticket.notification_failures.length > 0 && html`<div class="notice notice-warn">
      ${ticket.notification_failures.map((each) => html`<p><strong>${each.channel}</strong> could not be told: ${each.detail}</p>`)}
    </div>`}
    <${Room} ticket=${ticket} />
    <${Earlier} ticket=${ticket} />
  </article>`;
}

/** What became of a ticket that does not wait. @param {{id: string, more?: boolean}} props `more` calls wait */
function Over({ id, more }) {
  const { value, error } = useAsked((signal) => get(`/api/approvals/${encodeURIComponent(id)}`, {}, signal), [id]);
  const ticket = value?.data;
  return html`<article class="card ticket" aria-label="A call that does not wait any more">
    ${ticket && html`<header class="ticket-head"><h2 class="name">${ticket.tool_name}</h2><${Status} status=${ticket.status} /></header>
      <p class="ticket-over" role="status">This call does not wait any more since ${clock(ticket.resolved_at)}${ticket.resolved_by && html`, when <strong>${ticket.resolved_by}</strong> decided`}.</p>
      <${Facts} of=${[["Why", ticket.denial_reason ?? ticket.break_glass_reason], ["Record", html`<a href=${link("audit", id)}>what is kept of it</a>`]]} />`}
    ${error && html`<p class="muted">${error.status === 404 ? "Nothing is known of this ticket." : error.message}</p>`}
    ${more && html`<p class="ticket-next"><a class="button" href=${link("approvals")}>To the next call</a></p>`}
  </article>`;
}

/** @param {{breached: any[]}} props */
function Budgets({ breached }) {
  if (!breached.length) return null;
  return html`<h3>Budgets without room</h3>
    <div class="table-wrap" tabindex="0" role="region" aria-label="Budgets without room"><table class="table"><thead><tr>
      <th scope="col">Budget</th><th scope="col" class="number">Spent</th><th scope="col" class="number">Limit</th>
      <th scope="col" class="number">This call</th></tr></thead>
    <tbody>${breached.map((each) => html`<tr><td>${each.name}</td><td class="number">${text(each.spent)}</td>
      <td class="number">${text(each.limit)} ${each.currency}</td><td class="number">${text(each.attempted_amount)}</td></tr>`)}</tbody></table></div>`;
}

/** Whether a pot is that of the ticket's session and agent, as far as it is anybody's. @param {any} bucket @param {any} budget @param {any} ticket */
function isOf(bucket, budget, ticket) {
  const { agent_id: agent, session_id: session } = ticket;
  const own = { session: agent ? `${agent} ${session}` : session, agent };
  const parts = [budget.key].flat();
  const holds = (part) => (parts.length === 1 ? bucket.key === `${part}=${own[part]}` : bucket.key.includes(`${part}=${own[part]}`));
  return parts.every((part) => !(part in own) || holds(part));
}

/** How full the budgets are that this call's session and agent share. @param {{ticket: any}} props */
function Room({ ticket }) {
  const { value } = useAsked(async (signal) => (await get("/api/budgets", {}, signal)).budgets, [ticket.id]);
  const budgets = (value ?? []).map((budget) => ({ ...budget, buckets: budget.buckets.filter((bucket) => isOf(bucket, budget, ticket)) }));
  if (!budgets.length) return null;
  return html`<h3>Budgets now</h3><ul class="buckets">${budgets.flatMap((budget) => budget.buckets.length
    ? budget.buckets.slice(0, 3).map((bucket) => html`<${Bucket} maximum=${budget.limit} unit=${budget.currency} pot=${budget.window === "session"}
        bucket=${withShare({ ...bucket, key: `${budget.name}, in ${budget.currency}` }, "spent", budget.limit)} />`)
    : html`<li class="bucket"><span class="bucket-key">${budget.name}</span><span class="muted">nothing spent of ${text(budget.limit)} ${budget.currency}</span></li>`)}</ul>`;
}

/** @param {{ticket: any}} props */
function Earlier({ ticket }) {
  const { value, error } = useAsked(
    async (signal) =>
      ticket.session_id
        ? (await get("/api/audit", { session: ticket.session_id, record_kind: "tool_call", limit: 8 }, signal)).data
        : [],
    [ticket.id],
  );
  if (!ticket.session_id) return null;
  return html`<h3>Earlier in this session</h3>
    ${error && html`<p class="muted">${error.message}</p>`}
    ${value && !value.length && html`<p class="muted">Nothing: it begins with this call.</p>`}
    ${value?.length > 0 && html`<ul class="earlier">${value.map((row) => html`<li>
      <span class="time">${clock(row.timestamp)}</span><a class="name" href=${link("audit", row.id)}>${row.tool_name}</a>
      <${Decision} row=${row} /><span class="muted">${words(row.block_reason)}</span></li>`)}</ul>`}`;
}

const QUESTIONS = {
  approve: { title: "Let this call through?", action: "Approve", done: "Approved" },
  deny: { title: "Deny this call?", action: "Deny", done: "Denied", danger: true },
  "break-glass": { title: "Break the glass?", action: "Break glass", done: "The glass is broken", danger: true },
};

/** @param {{about: {verb: string, ticket: any}, onClose: () => void}} props */
function Question({ about: { verb, ticket }, onClose }) {
  const { title, action, done, danger } = QUESTIONS[verb];
  const draft = `${verb} ${ticket.id}`;
  const reason = (more) => html`<textarea class="input" name="reason" rows="3" maxlength="2000" ...${more} autofocus=${Boolean(name.value)}
    defaultValue=${drafts.get(draft) ?? ""} onInput=${(event) => drafts.set(draft, event.target.value)}></textarea>`;
  const submit = async (form) => {
    const by = String(form.get("by")).trim();
    rename(by);
    const body = { [verb === "deny" ? "denied_by" : "approved_by"]: by };
    for (const key of ["reason", "secret"]) if (form.get(key)) body[key] = form.get(key);
    try {
      await post(`/api/approvals/${encodeURIComponent(ticket.id)}/${verb}`, body);
    } finally {
      await refresh();
    }
    drafts.delete(draft);
    go(link("approvals"), { replace: true });
    say(`${done}: ${ticket.tool_name}.`, danger ? "quiet" : "good");
  };
  const over = Boolean(waiting.value) && !waiting.value.some((each) => each.id === ticket.id);
  return html`<${Dialog} title=${title} action=${action} danger=${danger} onClose=${onClose} onSubmit=${submit}
      over=${over && "This call does not wait any more: somebody decided, or its time is over."}>
    <p><strong class="name">${ticket.tool_name}</strong>${ticket.agent_id && html` for ${ticket.agent_id}`}</p>
    <${Json} value=${ticket.tool_input} label="What it would do" />
    <${Field} label="Your name"><input class="input" name="by" required maxlength="100" value=${name.value} autofocus=${!name.value || verb === "approve"} /><//>
    ${verb === "deny" && html`<${Field} label="Why (the agent is told)">${reason({})}<//>`}
    ${verb === "break-glass" && html`
      <p class="notice notice-warn">This lets the call through in an emergency. The audit keeps the reason, and that it was you.</p>
      <${Field} label="The emergency">${reason({ required: true })}<//>
      <${Field} label="Operator's secret, again"><input class="input" type="password" name="secret" required autocomplete="off" /><//>`}
  <//>`;
}

/** The latest that are over. */
function Resolved() {
  const { value } = useAsked((signal) => get("/api/approvals", { limit: 20 }, signal), [waiting.value]);
  const over = (value?.data ?? []).filter((ticket) => ticket.status !== "pending").slice(0, 10);
  if (!over.length) return null;
  return html`<section aria-labelledby="over-title"><h2 id="over-title">Decided lately</h2>
    <div class="table-wrap" tabindex="0" role="region" aria-label="Decided lately"><table class="table"><thead><tr><th scope="col">Time</th><th scope="col">Status</th>
      <th scope="col">Tool</th><th scope="col">By</th><th scope="col">Why</th></tr></thead>
    <tbody>${over.map((ticket) => html`<tr key=${ticket.id}>
      <td class="time" data-label="Time">${clock(ticket.resolved_at)}</td><td data-label="Status"><${Status} status=${ticket.status} /></td>
      <td class="name" data-label="Tool"><a href=${link("audit", ticket.id)}>${ticket.tool_name}</a></td>
      <td data-label="By">${ticket.resolved_by ?? "–"}</td>
      <td class="muted" data-label="Why">${ticket.denial_reason ?? ticket.break_glass_reason ?? "–"}</td></tr>`)}</tbody></table></div></section>`;
}
