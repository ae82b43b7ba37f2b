// What happens, from `/api/events`: comes back by itself, and gets what it missed.
import { parse } from "./api.js";
import { signal } from "./html.js";
import { check } from "./session.js";

const NAMES = [
  "action", "approval_requested", "approval_resolved", "approval_notification_failed", "limit_warning",
  "budget_update", "budget_breached", "tool_drift", "policy_reloaded",
];
const LONGEST_PAUSE = 15_000;

/** `live`, `waiting` (it comes back by itself) or `off`. */
export const connection = signal("off");

/** @type {Map<string, Set<(data: any) => void>>} */
const listeners = new Map();
/** @type {EventSource | null} */
let source = null;
let heard = "";
let pause = 1000;
let timer = 0;

/**
 * Calls the listener with the data of every event of this name; `reset` comes when something was
 * missed, and lists are to be asked for anew.
 * @param {string} name
 * @param {(data: any) => void} listener
 * @returns {() => void} ends it
 */
export function listen(name, listener) {
  const those = listeners.get(name) ?? new Set();
  listeners.set(name, those.add(listener));
  return () => those.delete(listener);
}

export function connect() {
  if (source || timer) return;
  source = new EventSource(heard ? `/api/events?last_event_id=${heard}` : "/api/events");
  source.onopen = () => {
    connection.value = "live";
    pause = 1000;
  };
  source.onerror = comeBack;
  source.addEventListener("heartbeat", note);
  for (const name of [...NAMES, "reset"]) source.addEventListener(name, tell);
}

export function disconnect() {
  source?.close();
  source = null;
  clearTimeout(timer);
  timer = 0;
  heard = "";
  connection.value = "off";
}

function comeBack() {
  connection.value = "waiting";
  if (source?.readyState !== EventSource.CLOSED) return; // The browser comes back by itself.
  later();
  check();
}

function later() {
  source?.close();
  source = null;
  clearTimeout(timer);
  timer = setTimeout(again, pause);
  pause = Math.min(LONGEST_PAUSE, pause * 2);
}

function again() {
  clearTimeout(timer);
  timer = 0;
  connect();
}

addEventListener("offline", () => {
  if (connection.value === "off") return;
  connection.value = "waiting";
  later();
});
addEventListener("online", () => connection.value === "waiting" && again());

/** @param {MessageEvent} event */
function note(event) {
  heard = event.lastEventId;
}

/** @param {MessageEvent} event */
function tell(event) {
  note(event);
  const data = parse(event.data);
  for (const listener of listeners.get(event.type) ?? []) listener(data);
}
