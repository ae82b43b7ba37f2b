// The tickets that wait: known to every page, for the badge, the title and notifications.
import { get } from "./api.js";
import { connection, listen } from "./events.js";
import { computed, signal } from "./html.js";
import { link } from "./router.js";

/** Tickets of one answer. They come newest first, so that the most urgent may be in the last one. */
const PAGE = 1000;

/** `null` until they were asked for. @type {{value: any[] | null}} */
export const waiting = signal(null);
/** Why they are not known; null while they are. @type {{value: Error | null}} */
export const failure = signal(null);
export const count = computed(() => waiting.value?.length ?? 0);

/** @type {Promise<void> | null} */
let asking = null;
/** @type {Promise<void> | null} */
let next = null;

/** Asks for them: what it promises is what is so now. One question at a time, so that no older answer comes after a newer one. */
export function refresh() {
  if (next) return next;
  if (!asking) {
    asking = ask().finally(() => {
      asking = null;
    });
    return asking;
  }
  next = asking.then(() => {
    next = null;
    return refresh();
  });
  return next;
}

async function ask() {
  try {
    const found = new Map();
    for (let offset = 0, total = 1; offset < total; offset += PAGE) {
      const page = await get("/api/approvals", { status: "pending", limit: PAGE, offset });
      for (const ticket of page.data) found.set(ticket.id, ticket);
      total = page.total;
    }
    waiting.value = [...found.values()].sort((one, other) => one.timeout_at.localeCompare(other.timeout_at));
    failure.value = null;
  } catch (error) {
    failure.value = error;
  }
}

/** Begins to follow them; the function that ends it. */
export function follow() {
  refresh();
  const ends = [
    listen("approval_requested", (ticket) => {
      refresh();
      notify(ticket);
    }),
    listen("approval_resolved", refresh),
    listen("approval_notification_failed", refresh),
    listen("reset", refresh),
    connection.subscribe((state) => state === "live" && refresh()),
  ];
  return () => {
    ends.forEach((end) => end());
    waiting.value = null;
  };
}

/** What the browser lets us do: `granted`, `denied`, `default`, or `none` where it knows nothing of it. */
export const permission = signal(globalThis.Notification?.permission ?? "none");

export async function askToNotify() {
  permission.value = await Notification.requestPermission();
}

/** @param {{id: string, tool_name: string, agent_id: string | null}} ticket */
function notify(ticket) {
  if (permission.value !== "granted" || document.visibilityState === "visible") return;
  const shown = new Notification("A call waits for you", {
    body: `${ticket.tool_name}${ticket.agent_id ? `, asked for by ${ticket.agent_id}` : ""}`,
    tag: ticket.id,
  });
  shown.onclick = () => {
    window.focus();
    location.hash = link("approvals", ticket.id);
    shown.close();
  };
}
