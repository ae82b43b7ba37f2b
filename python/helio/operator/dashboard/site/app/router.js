// Where one is: `#/audit/ID?tool=mail`, so that every view can be linked to and gone back to.
import { signal } from "./html.js";

/** @typedef {{page: string, rest: string, query: URLSearchParams}} Route */

/** @returns {Route} */
function current() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [page, ...rest] = path.split("/");
  return { page: page || "live", rest: rest.map(decoded).join("/"), query: new URLSearchParams(query) };
}

/** A part of an address, which anybody may have typed: what is no escape stays as it is. @param {string} part */
export function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The route of now. @type {{value: Route}} */
export const route = signal(current());

let shown = location.hash;
addEventListener("hashchange", catchUp);

/** Makes the route what the address says: browsers tell of a new one a moment later. */
export function catchUp() {
  if (location.hash === shown) return;
  shown = location.hash;
  route.value = current();
}

/**
 * The address of a page.
 * @param {string} page
 * @param {string} [rest]
 * @param {Record<string, string>} [query] empty values are left out
 */
export function link(page, rest = "", query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value);
  const text = new URLSearchParams(pairs).toString();
  return `#/${page}${rest ? `/${encodeURIComponent(rest)}` : ""}${text ? `?${text}` : ""}`;
}

/**
 * @param {string} address
 * @param {{replace?: boolean}} [how] `replace` leaves no step to go back to
 */
export function go(address, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", address);
  } else {
    location.hash = address;
  }
  catchUp();
}
