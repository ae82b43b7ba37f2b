// What upstreams list, what of it is accepted, and what drifted since.
import { get, post } from "../api.js";
import { listen } from "../events.js";
import { counted, words } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Badge, Dialog, Empty, Failure, Field, Status, useAsked } from "../parts.js";
import { go, link, route } from "../router.js";
import { say } from "../saying.js";
import { name, rename } from "../session.js";
import { Difference } from "./difference.js";

/** Drifted tools whose change is shown line by line. */
const MOST_SHOWN = 20;
const HINTS = { readOnlyHint: "reads only", destructiveHint: "destructive", idempotentHint: "idempotent", openWorldHint: "open world" };

export function Tools() {
  const { value, error, again } = useAsked((signal) => get("/api/tools", {}, signal), []);
  const [asking, setAsking] = useState(null);
  useEffect(() => {
    const ends = [listen("tool_drift", again), listen("reset", again)];
    return () => ends.forEach((end) => end());
  }, []);
  const wanted = (route.value.query.get("find") ?? "").toLowerCase();
  const tools = (value?.data ?? []).filter((tool) => `${tool.upstream} ${tool.name}`.toLowerCase().includes(wanted));
  const drifted = tools.filter((tool) => tool.status === "drifted");
  return html`
    <div class="page-head"><h1>Tools</h1><div class="tools">
      <label class="tool"><span class="unseen">Find a tool</span>
        <input class="input" type="search" placeholder="Find a tool" value=${route.value.query.get("find") ?? ""}
          onInput=${(event) => go(link("tools", "", { find: event.target.value }), { replace: true })} /></label></div></div>
    ${error && html`<${Failure} error=${error} again=${again} />`}
    ${drifted.length > 0 && html`<div class="notice notice-warn" role="status"><p>${counted(drifted.length, "tool is", "tools are")} not what was accepted. Look at what changed before you accept it.</p></div>`}
    ${drifted.slice(0, MOST_SHOWN).map((tool) => html`<section class="card changed" key=${`${tool.upstream} ${tool.name}`} aria-label=${`${tool.name} changed`}>
      <h2><span class="name">${tool.name}</span> <span class="muted">of ${tool.upstream}: ${tool.drifted_aspects.map(words).join(", ")}</span></h2>
      <${Difference} tool=${tool.name} upstream=${tool.upstream} about=${tool.fingerprint} /></section>`)}
    ${value && !tools.length && html`<${Empty} title="No tools">${wanted ? "None is called like that." : "No upstream listed any yet."}<//>`}
    ${tools.length > 0 && html`<div class="table-wrap" tabindex="0" role="region" aria-label="Tools"><table class="table table-cards">
      <thead><tr><th scope="col">Tool</th><th scope="col">Upstream</th><th scope="col">State</th><th scope="col">What changed</th><th scope="col">It says</th><th scope="col"><span class="unseen">Accept</span></th></tr></thead>
      <tbody>${tools.map((tool) => html`<${Tool} key=${`${tool.upstream} ${tool.name}`} tool=${tool} ask=${setAsking} />`)}</tbody></table></div>
      <p class="foot">${counted(tools.length, "tool")}</p>`}
    ${asking && html`<${Accept} tool=${asking} onClose=${() => setAsking(null)} done=${again} />`}`;
}

/** @param {{tool: any, ask: (tool: any) => void}} props */
function Tool({ tool, ask }) {
  const hints = Object.entries(tool.annotations).map(([hint, holds]) => `${holds ? "" : "not "}${Object.hasOwn(HINTS, hint) ? HINTS[hint] : hint}`);
  return html`<tr>
    <td class="name" data-label="Tool"><a href=${link("audit", "", { tool: tool.name })}>${tool.name}</a></td>
    <td class="muted" data-label="Upstream">${tool.upstream}</td>
    <td data-label="State"><${Status} status=${tool.status} /></td>
    <td data-label="What changed">${tool.drifted_aspects.map(words).join(", ") || html`<span class="muted">–</span>`}</td>
    <td class="muted" data-label="It says">${hints.join(", ") || "nothing"}${tool.destructive && !("destructiveHint" in tool.annotations) ? html` <${Badge} kind="quiet" sign="!">taken as destructive<//>` : ""}</td>
    <td class="number">${tool.status === "drifted" && (tool.locked
      ? html`<span class="muted">helio tools approve</span>`
      : html`<button type="button" class="button" onClick=${() => ask(tool)}>Accept…</button>`)}</td></tr>`;
}

/** @param {{tool: any, onClose: () => void, done: () => void}} props */
function Accept({ tool, onClose, done }) {
  const gone = tool.fingerprint === null;
  const submit = async (form) => {
    const by = String(form.get("by")).trim();
    rename(by);
    const body = { approved_by: by, upstream: tool.upstream };
    if (!gone) body.fingerprint = tool.fingerprint;
    try {
      await post(`/api/tools/${encodeURIComponent(tool.name)}/approve`, body);
    } finally {
      done();
    }
    say(`${gone ? "Let go" : "Accepted"}: ${tool.name}.`, "good");
  };
  return html`<${Dialog} title=${gone ? "Let this tool go?" : "Accept what it is now?"} action=${gone ? "Let go" : "Accept"} onClose=${onClose} onSubmit=${submit}>
    <p><strong class="name">${tool.name}</strong> of ${tool.upstream}. Changed: ${tool.drifted_aspects.map(words).join(", ")}.</p>
    <${Difference} tool=${tool.name} upstream=${tool.upstream} about=${tool.fingerprint} />
    <${Field} label="Your name"><input class="input" name="by" required maxlength="100" value=${name.value} /><//>
  <//>`;
}
