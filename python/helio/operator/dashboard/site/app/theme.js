// Light or dark: as the system has it, unless somebody chose.
import { effect, signal } from "./html.js";

/** `system`, `light` or `dark`. */
export const theme = signal(localStorage.getItem("helio.theme") ?? "system");

effect(() => {
  if (theme.value === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("helio.theme");
  } else {
    document.documentElement.dataset.theme = theme.value;
    localStorage.setItem("helio.theme", theme.value);
  }
});

export function nextTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const order = dark ? ["system", "light", "dark"] : ["system", "dark", "light"];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length];
}
