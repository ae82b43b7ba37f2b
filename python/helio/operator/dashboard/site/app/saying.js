// What is said to whoever looks, or listens: short messages that go away.
import { html, signal } from "./html.js";

/** @type {{value: Array<{id: number, text: string, kind: string}>}} */
const said = signal([]);
const SECONDS = 6;
let last = 0;

/**
 * @param {string} text
 * @param {"good" | "bad" | "quiet"} [kind]
 */
export function say(text, kind = "quiet") {
  const id = ++last;
  said.value = [...said.value.slice(-2), { id, text, kind }];
  setTimeout(() => {
    said.value = said.value.filter((each) => each.id !== id);
  }, SECONDS * 1000);
}

export function Said() {
  return html`<div class="said" role="status" aria-live="polite">
    ${said.value.map((each) => html`<p key=${each.id} class="notice notice-${each.kind}">${each.text}</p>`)}
  </div>`;
}
