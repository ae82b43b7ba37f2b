// What every module builds pages with: Preact, bound to htm. Texts become text nodes, never markup, and show all that is in them.
import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";
import { visible } from "./format.js";

/** @param {any} child */
function shown(child) {
  if (typeof child === "string") return visible(child);
  return Array.isArray(child) ? child.map(shown) : child;
}

/** @param {any} type @param {any} props @param {any[]} children */
function element(type, props, ...children) {
  return h(type, props, ...children.map(shown));
}

export const html = htm.bind(element);
export { Fragment, render } from "../vendor/preact.js";
export { useEffect, useErrorBoundary, useLayoutEffect, useRef, useState, useMemo, useCallback } from "../vendor/hooks.js";
export { signal, computed, effect, batch, useSignal, useComputed } from "../vendor/signals.js";
