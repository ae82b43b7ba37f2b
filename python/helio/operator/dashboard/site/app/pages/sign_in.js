// The way in, by the operator's secret.
import { html, useState } from "../html.js";
import { Field } from "../parts.js";
import { name, rename, session, signIn } from "../session.js";

export function SignIn() {
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    rename(String(form.get("name")).trim());
    setBusy(true);
    await signIn(String(form.get("secret")));
    setBusy(false);
  };
  const { why } = session.value;
  return html`<main class="sign-in" id="main">
    <form class="card sign-in-card" onSubmit=${submit}>
      <p class="brand"><span class="brand-mark" aria-hidden="true"></span>Helio</p>
      <h1>Sign in</h1>
      ${why && html`<p class="notice notice-quiet" role="alert">${why}</p>`}
      <${Field} label="Operator's secret" hint="dashboard.api_secret in helio.yaml, or the link that helio start printed.">
        <input class="input" type="password" name="secret" autocomplete="current-password" required autofocus />
      <//>
      <${Field} label="Your name" hint="What you decide is recorded under it.">
        <input class="input" name="name" autocomplete="name" maxlength="100" value=${name.value} />
      <//>
      <button type="submit" class="button button-primary" disabled=${busy}>${busy ? "Signing in…" : "Sign in"}</button>
    </form>
  </main>`;
}
