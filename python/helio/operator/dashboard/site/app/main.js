// The beginning: who is signed in sees the pages, everybody else the way in.
import { follow as followConditions } from "./conditions.js";
import { connect, disconnect } from "./events.js";
import { effect, html, render } from "./html.js";
import { SignIn } from "./pages/sign_in.js";
import { resume, session } from "./session.js";
import { Shell } from "./shell.js";
import "./theme.js";
import { follow as followTickets } from "./tickets.js";

let end = () => {};
effect(() => {
  end();
  end = () => {};
  const { state } = session.value;
  if (state === "in" || state === "open") {
    connect();
    const ends = [followTickets(), followConditions()];
    end = () => ends.forEach((each) => each());
  } else {
    disconnect();
  }
});

function Everything() {
  const { state } = session.value;
  if (state === "unknown") return html`<p class="loading" role="status">Opening Helio…</p>`;
  return state === "out" ? html`<${SignIn} />` : html`<${Shell} />`;
}

render(html`<${Everything} />`, document.getElementById("root"));
resume();
