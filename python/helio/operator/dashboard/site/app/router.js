// Where one is: `#/audit/ID?tool=mail`, so that every view can be linked to and gone back to.
import { signal } from "./html.js";

/** @typedef {{page: string, rest: string, query: URLSearchParams}} Route */

/** @returns {Route} */
function current() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [page, ...rest] = path.split("/");
  return { page: page || "live", rest: rest.map(decodeURIComponent).join("/"), query: new URLSearchParams(query) };
}

/** The route of now. @type {{value: Route}} */
export const route = signal(current());

addEventListener("hashchange", () => {
  route.value = current();
});

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
    route.value = current();
  } else {
    location.hash = address;
  }
}
