/** The page's colours as the canvas needs them, and the switch between light and dark. */

const CHOICES = ["auto", "light", "dark"] as const;

function computed(css: string): string {
  const probe = document.createElement("span");
  probe.style.color = css;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** The colour of a CSS custom property, as it stands on the page now. */
export function colour(property: string): string {
  return computed(`var(${property})`);
}

/** The same, mixed with the paper; opaque, so that what is drawn below does not shine through. */
export function tint(property: string, percent: number): string {
  return computed(`color-mix(in srgb, var(${property}) ${percent}%, var(--paper))`);
}

/** Calls back whenever the colours change: system setting, switch, or printing (always light, and told so). */
export function onColours(redraw: (printing: boolean) => void): void {
  const changed = (): void => redraw(false);
  const root = document.documentElement;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  let before: string | undefined;
  addEventListener("beforeprint", () => {
    before = root.dataset["theme"];
    root.dataset["theme"] = "light";
    redraw(true);
  });
  addEventListener("afterprint", () => {
    if (before === undefined) delete root.dataset["theme"];
    else root.dataset["theme"] = before;
    changed();
  });
  const button = document.querySelector<HTMLButtonElement>("#theme");
  if (!button) return;
  let at = 0;
  button.hidden = false;
  button.addEventListener("click", () => {
    at = (at + 1) % CHOICES.length;
    const choice = CHOICES[at]!;
    if (choice === "auto") delete root.dataset["theme"];
    else root.dataset["theme"] = choice;
    button.textContent = `Colours: ${choice}`;
    changed();
  });
}
