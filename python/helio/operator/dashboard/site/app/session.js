// Who is signed in, and how one signs in: by the secret, or by the link that a start prints.
import { Refused, get, post, useToken, whenSignedOut } from "./api.js";
import { signal } from "./html.js";
import { decoded, go, link } from "./router.js";

/** `unknown` until Helio was asked; `open` needs no secret. @type {{value: {state: string, why: string, [more: string]: any}}} */
export const session = signal({ state: "unknown", why: "" });

/** Whom decisions are recorded as. */
export const name = signal(localStorage.getItem("helio.name") ?? "");

/** @param {string} text */
export function rename(text) {
  name.value = text;
  localStorage.setItem("helio.name", text);
}

/** What was typed and not sent, for who must sign in again; who signs out leaves nothing of it. @type {Map<string, string>} */
export const drafts = new Map();

whenSignedOut(() => check());

/** Takes the secret out of the address, where the sign-in link has it, so that it is in no history. */
function linkedSecret() {
  const found = /^#secret=(.+)$/.exec(location.hash);
  if (!found) return null;
  go(link("live"), { replace: true });
  return decoded(found[1]);
}

addEventListener("hashchange", () => location.hash.startsWith("#secret=") && resume());

/** Goes on with the session that there is, or signs in by the link. */
export async function resume() {
  const secret = linkedSecret();
  if (secret) {
    await signIn(secret);
    return;
  }
  try {
    enter((await get("/api/auth/session")).data);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    session.value = { state: "out", why: error.status === 401 ? "" : error.message };
  }
}

/** Asks whether the session goes on, when something was refused. */
export async function check() {
  try {
    enter((await get("/api/auth/session")).data);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) session.value = { state: "out", why: "Your session is over." };
  }
}

/** @param {string} secret */
export async function signIn(secret) {
  try {
    enter((await post("/api/auth/session", { secret })).data);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const why = error.status === 401 ? "That is not the secret of this Helio." : error.message;
    session.value = { state: "out", why };
  }
}

export async function signOut() {
  await post("/api/auth/logout");
  useToken(null);
  drafts.clear();
  session.value = { state: "out", why: "You are signed out." };
}

/** @param {{by: string, csrf_token: string | null}} told */
function enter(told) {
  useToken(told.csrf_token);
  const state = told.by === "open" ? "open" : "in";
  if (session.value.state !== state) session.value = { state, why: "" };
}
