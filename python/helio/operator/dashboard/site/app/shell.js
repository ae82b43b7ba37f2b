// The frame around every page: where one can go, whether it is live, and who one is.
import { Conditions } from "./conditions.js";
import { connection } from "./events.js";
import { counted } from "./format.js";
import { html, useEffect, useErrorBoundary, useRef } from "./html.js";
import { Analytics } from "./pages/analytics.js";
import { Approvals } from "./pages/approvals.js";
import { Audit } from "./pages/audit.js";
import { Limits } from "./pages/limits.js";
import { Live } from "./pages/live.js";
import { Policy } from "./pages/policy.js";
import { Record } from "./pages/record.js";
import { Tools } from "./pages/tools.js";
import { Failure } from "./parts.js";
import { link, route } from "./router.js";
import { Said, say } from "./saying.js";
import { session, signOut } from "./session.js";
import { nextTheme, theme } from "./theme.js";
import { count } from "./tickets.js";

/** @type {Array<[string, string, () => any]>} */
const PAGES = [
  ["live", "Live", Live],
  ["approvals", "Approvals", Approvals],
  ["audit", "Audit", Audit],
  ["analytics", "Analytics", Analytics],
  ["limits", "Limits", Limits],
  ["policy", "Policy", Policy],
  ["tools", "Tools", Tools],
];

/** @param {{page: string, rest: string}} where */
function pageOf({ page, rest }) {
  if (page === "audit" && rest) return [Record, `Record ${rest}`];
  if (page === "limits" && rest) return [Limits, `Ledger of ${rest}`];
  const [, title, Page] = PAGES.find(([name]) => name === page) ?? [];
  return Page ? [Page, title] : [NotThere, "Not there"];
}

function NotThere() {
  return html`<h1>There is no such page</h1><p><a href=${link("live")}>To what happens now</a></p>`;
}

export function Shell() {
  const [Page, title] = pageOf(route.value);
  const main = useRef(null);
  const first = useRef(true);
  useEffect(() => {
    // Who goes to another page by keyboard or by ear begins at its beginning.
    if (!first.current) main.current.focus({ preventScroll: true });
    first.current = false;
    scrollTo(0, 0);
  }, [title]);
  useEffect(() => {
    document.title = `${count.value ? `(${count.value}) ` : ""}Helio · ${title}`;
    return () => {
      document.title = "Helio";
    };
  }, [title, count.value]);
  useEffect(() => {
    showTab();
    addEventListener("resize", showTab);
    return () => removeEventListener("resize", showTab);
  }, [title, count.value]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      main.current.focus();
    }}>Skip to the page</a>
    <header class="top">
      <a class="brand" href=${link("live")}><span class="brand-mark" aria-hidden="true"></span>Helio</a>
      <nav class="tabs" aria-label="Pages">
        ${PAGES.map(([name, label]) => html`<a
          class="tab" href=${link(name)} aria-current=${route.value.page === name ? "page" : undefined}>
          ${label}${name === "approvals" && html`<${Waiting} />`}
        </a>`)}
      </nav>
      <div class="top-end">
        <${Connection} />
        <${Theme} />
        ${session.value.state === "in" && html`<button type="button" class="button button-quiet" onClick=${leave}>Sign out</button>`}
      </div>
    </header>
    <${Conditions} />
    <main id="main" class="page" tabindex="-1" ref=${main} aria-label=${title}><${Guarded} Page=${Page} /></main>
    <${Said} />
    <p class="unseen" role="status" aria-label="Calls that wait for a person">${count.value ? `${counted(count.value, "call waits", "calls wait")} for a person` : ""}</p>`;
}

/** A page; or, where it could not be drawn, the reason, until one goes elsewhere. @param {{Page: () => any}} props */
function Guarded({ Page }) {
  const [error, again] = useErrorBoundary();
  const { page, rest, query } = route.value;
  useEffect(() => {
    if (error) again();
  }, [page, rest, query.toString()]);
  if (!error) return html`<${Page} />`;
  return html`<h1>This page cannot be shown</h1><${Failure} error=${error} again=${again} />`;
}

/** Where the tabs do not fit, that of this page is among those one sees. */
function showTab() {
  document.querySelector(".tab[aria-current]")?.scrollIntoView({ inline: "nearest", block: "nearest" });
}

async function leave() {
  try {
    await signOut();
  } catch (error) {
    say(error.message, "bad");
  }
}

function Waiting() {
  if (!count.value) return null;
  return html`<span class="count"><span class="unseen">, </span>${count.value}<span class="unseen"> waiting</span></span>`;
}

const CONNECTIONS = { live: "Live", waiting: "Reconnecting…", off: "Offline" };

function Connection() {
  const state = connection.value;
  return html`<span class="connection connection-${state}" role="status">
    <span class="connection-sign" aria-hidden="true"></span>${CONNECTIONS[state]}
  </span>`;
}

const THEMES = { system: ["◐", "as the system"], light: ["☀", "light"], dark: ["☾", "dark"] };

function Theme() {
  const [sign, word] = THEMES[theme.value];
  return html`<button type="button" class="button button-quiet button-sign" onClick=${nextTheme}
    title=${`Colours: ${word}`} aria-label=${`Colours: ${word}. Change`}>${sign}</button>`;
}
