// The operator API: JSON in, JSON out, with all digits of its numbers.

import { learn } from "./clock.js";

/** An answer that is not what was asked for. `status` 0: nobody answered. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {Record<string, unknown>} [details]
   */
  constructor(status, message, details = {}) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

let csrfToken = "";
let onSignedOut = () => {};

/** @param {string | null} token what every change must carry */
export function useToken(token) {
  csrfToken = token ?? "";
}

/** @param {() => void} listener called when an answer says that the secret was not shown */
export function whenSignedOut(listener) {
  onSignedOut = listener;
}

/** Digits that a double surely holds. */
const EXACT_DIGITS = 15;

/** `JSON.rawJSON`, which older browsers and type checkers do not know. */
const { rawJSON } = /** @type {any} */ (JSON);

/**
 * A JSON text as a value. Numbers that a double cannot hold are shown (`JSON.stringify`) as they came.
 * @param {string} text
 */
export function parse(text) {
  return JSON.parse(text, (_key, value, context) => {
    if (typeof value !== "number" || !context?.source || !rawJSON) return value;
    const digits = context.source.replace(/e.*$/i, "").replace(/[^0-9]/g, "").replace(/^0+/, "");
    const held = Number.isFinite(value) && digits.length <= EXACT_DIGITS;
    return held ? value : rawJSON(context.source);
  });
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function ask(path, options = {}) {
  let response;
  const began = Date.now();
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refused(0, "Helio does not answer.");
  }
  learn(response.headers.get("date"), began);
  const text = await response.text();
  const value = read(text);
  if (response.ok) return value;
  if (response.status === 401 && !path.startsWith("/api/auth/")) onSignedOut();
  throw new Refused(response.status, value?.error ?? `HTTP ${response.status}`, value ?? {});
}

/** @param {string} text */
function read(text) {
  try {
    return parse(text);
  } catch {
    return null; // Not Helio's own answer: a proxy in front, say. The status tells.
  }
}

/**
 * @param {string} path
 * @param {Record<string, string | number | undefined | null>} [query] empty values are left out
 * @param {AbortSignal} [signal]
 */
export function get(path, query = {}, signal) {
  return ask(withQuery(path, query), { signal });
}

/**
 * @param {string} path
 * @param {object | string} [body] a text is JSON already
 */
export function post(path, body = {}) {
  const headers = { "content-type": "application/json", "x-helio-csrf": csrfToken };
  return ask(path, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
}

/** @param {string} path */
export function remove(path) {
  const headers = { "content-type": "application/json", "x-helio-csrf": csrfToken };
  return ask(path, { method: "DELETE", headers });
}

/**
 * @param {string} path
 * @param {Record<string, string | number | undefined | null>} query
 */
export function withQuery(path, query) {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}
