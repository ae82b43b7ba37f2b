// What several pages are made of.
import { listen } from "./events.js";
import { counted, isOutline, json, numeric, visible, words } from "./format.js";
import { Fragment, html, useEffect, useRef, useState } from "./html.js";

/** How each decision looks: a sign and a word, so that colour never stands alone. */
const DECISIONS = {
  allow: ["good", "✓", "allowed"],
  deny: ["bad", "✕", "denied"],
  require_approval: ["asked", "?", "approval"],
  rate_limited: ["bad", "✕", "rate limited"],
  spend_limited: ["bad", "✕", "spend limited"],
  budget_exceeded: ["bad", "✕", "over budget"],
  dry_run: ["quiet", "∼", "dry run"],
  rejected: ["bad", "!", "rejected"],
};

const STATUSES = {
  pending: ["asked", "?", "waiting"],
  approved: ["good", "✓", "approved"],
  denied: ["bad", "✕", "denied"],
  break_glass: ["warn", "!", "break glass"],
  timeout: ["quiet", "○", "timed out"],
  drifted: ["warn", "!", "drifted"],
  accepted: ["good", "✓", "accepted"],
};

/** @param {{kind: string, sign: string, children: any}} props */
export function Badge({ kind, sign, children }) {
  return html`<span class="badge badge-${kind}"><span class="badge-sign" aria-hidden="true">${sign}</span>${children}</span>`;
}

/** @param {{row: {policy_decision: string | null, block_reason: string | null, outcome?: string | null}}} props */
export function Decision({ row }) {
  const failed = !row.block_reason && row.outcome && row.outcome !== "answered";
  if (failed) return html`<${Badge} kind="warn" sign="!">${words(row.outcome)}<//>`;
  if (row.block_reason === "approval_pending") return html`<${Badge} kind="asked" sign="?">waits<//>`;
  const blocked = row.block_reason && (row.policy_decision === "allow" || row.policy_decision === "require_approval");
  if (blocked) return html`<${Badge} kind="bad" sign="✕">blocked<//>`;
  const [kind, sign, word] = DECISIONS[row.policy_decision] ?? ["quiet", "·", words(row.policy_decision) || "–"];
  return html`<${Badge} kind=${kind} sign=${sign}>${word}<//>`;
}

/** @param {{status: string}} props */
export function Status({ status }) {
  const [kind, sign, word] = STATUSES[status] ?? ["quiet", "·", words(status)];
  return html`<${Badge} kind=${kind} sign=${sign}>${word}<//>`;
}

/** Helio's own sentence: what stands between backticks is a name. @param {{text: string}} props */
export function Sentence({ text }) {
  return html`<${Fragment}>${text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part))}<//>`;
}

/** @param {{title: string, children?: any}} props */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children && html`<p>${children}</p>`}</div>`;
}

/** @param {{error: Error, again?: () => void}} props */
export function Failure({ error, again }) {
  return html`<div class="notice notice-bad" role="alert">
    <p>${error.message}</p>
    ${again && html`<button type="button" class="button" onClick=${again}>Try again</button>`}
  </div>`;
}

const LONGEST_SHOWN = 8000;

/** A JSON string, or one that was cut. */
const STRING = /("[^"\\]*(?:\\.[^"\\]*)*(?:"|$))/s;
const FROM_RIGHT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** A JSON text whose strings stand in their places, also those that are read from the right. @param {{text: string}} props */
export function Ordered({ text }) {
  const shown = visible(text);
  if (!FROM_RIGHT.test(shown)) return shown;
  const parts = shown.split(STRING).map((part, at) => (at % 2 && FROM_RIGHT.test(part) ? html`<bdi>${part}</bdi>` : part));
  return html`<${Fragment}>${parts}<//>`;
}

/** A JSON value as text; long ones are folded. @param {{value: any, label: string}} props */
export function Json({ value, label }) {
  const [whole, setWhole] = useState(false);
  const text = json(value);
  const long = text.length > LONGEST_SHOWN;
  return html`<div class="code-block">
    ${isOutline(value) && html`<p class="notice notice-warn">Too long to be kept (${counted(numeric(value.size), "byte")}): ${"head" in value ? "only its beginning is known here" : "nothing of it is known here"}.</p>`}
    <pre class="code" tabindex="0" role="region" aria-label=${label}><${Ordered} text=${long && !whole ? `${text.slice(0, LONGEST_SHOWN)}…` : text} /></pre>
    ${long && html`<button type="button" class="button button-small" onClick=${() => setWhole(!whole)}>
      ${whole ? "Show less" : `Show all (${text.length.toLocaleString()} characters)`}
    </button>`}
  </div>`;
}

/** @param {{of: Array<[string, any]>}} props names and what is known; what is not known is left out */
export function Facts({ of }) {
  const known = of.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return html`<dl class="facts">
    ${known.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** Gives the focus back, or to the page where what had it is gone; keys go on from there. @param {Element | null} before */
function focusAgain(before) {
  const kept = before instanceof HTMLElement && before.isConnected && before !== document.body;
  const place = kept ? before : document.getElementById("main");
  place?.focus({ preventScroll: true });
}

/**
 * A question over the page, with a form in it.
 * @param {{title: string, action: string, danger?: boolean, over?: string | false, onClose: () => void,
 *          onSubmit: (form: FormData) => Promise<void>, children: any}} props `over`: why nothing is left to be answered
 */
export function Dialog({ title, action, danger, over, onClose, onSubmit, children }) {
  const dialog = useRef(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => queueMicrotask(() => focusAgain(before));
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await onSubmit(new FormData(event.target));
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<dialog ref=${dialog} class="dialog" aria-labelledby="dialog-title" onClose=${onClose}>
    <form onSubmit=${submit}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
      ${error && html`<p class="field-error" role="alert">${error.message}</p>`}
      ${over && !busy && html`<p class="notice notice-warn" role="alert">${over}</p>`}
      <div class="dialog-actions">
        <button type="button" class="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="button ${danger ? "button-danger" : "button-primary"}" disabled=${busy || Boolean(over)}>${action}</button>
      </div>
    </form>
  </dialog>`;
}

/**
 * @param {{label: string, hint?: string, children: any}} props
 */
export function Field({ label, hint, children }) {
  return html`<label class="field"><span class="field-label">${label}</span>${children}
    ${hint && html`<span class="field-hint">${hint}</span>`}</label>`;
}

/** After what time is asked again what failed for a while only, in ms. */
export const LATER = 3000;

/** Whether it passes by itself: nobody answers, or what is asked loads or is asked too much. @param {any} error */
export function passes(error) {
  return error.status === 0 || error.status === 503;
}

/**
 * What a promise gives: `{value, error, loading, again}`. `ask` gets an `AbortSignal`. `again` asks anew: once what is asked
 * is answered, so that answers come however often things change. What fails for a while only is asked again by itself.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {unknown[]} about asked anew at once when one of these changes
 */
export function useAsked(ask, about) {
  const [state, setState] = useState({ value: undefined, error: null, loading: true, about });
  const [turn, setTurn] = useState(0);
  const next = () => setTurn((before) => before + 1);
  const asking = useRef({ busy: false, stale: false });
  useEffect(() => {
    const ending = new AbortController();
    asking.current = { busy: true, stale: false };
    setState((before) => ({ ...before, loading: true }));
    let later = 0;
    const over = (change) => {
      if (ending.signal.aborted) return;
      setState((before) => ({ ...before, ...change(before), loading: false }));
      asking.current.busy = false;
      if (asking.current.stale) next();
    };
    const failed = (error) => {
      // What was answered about something else is no answer to this.
      over(({ value, about: of }) => ({ error, value: same(of, about) ? value : undefined }));
      if (passes(error)) later = setTimeout(next, LATER);
    };
    ask(ending.signal).then((value) => over(() => ({ value, error: null, about })), failed);
    return () => {
      clearTimeout(later);
      ending.abort();
    };
  }, [...about, turn]);
  const again = () => {
    if (asking.current.busy) asking.current.stale = true;
    else next();
  };
  return { ...state, again };
}

/** @param {unknown[]} some @param {unknown[]} others */
function same(some, others) {
  return some.every((each, at) => each === others[at]);
}

/** How often at most what is shown is asked for anew because something was told, in ms. */
const OFTEN = 1000;

/**
 * Calls `again` when one of these events was told that counts, soon and not too often.
 * @param {string[]} names @param {() => void} again @param {(data: any) => boolean} [counts]
 * @param {unknown[]} [about] what `counts` looks at
 */
export function useTold(names, again, counts = () => true, about = []) {
  useEffect(() => {
    let soon = 0;
    const refresh = (data) => {
      if (soon || !counts(data)) return;
      soon = setTimeout(() => {
        soon = 0;
        again();
      }, OFTEN);
    };
    const ends = names.map((name) => listen(name, refresh));
    return () => {
      clearTimeout(soon);
      ends.forEach((end) => end());
    };
  }, about);
}
