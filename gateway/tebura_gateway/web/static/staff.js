// Reviews by keyboard: J and K move, 1 to 9 choose a candidate, A accepts, C changes, V voids.
// The forms work without this; with it they are sent in the background and the stream shows the rest.

const reviews = () => [...document.querySelectorAll("[data-review]")];
const current = () => document.querySelector("[data-review][aria-current]");

function select(review) {
  for (const other of reviews()) if (other !== review) other.removeAttribute("aria-current");
  if (!review) return;
  review.setAttribute("aria-current", "true");
  review.focus({ preventScroll: true });
  review.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function move(step) {
  const all = reviews();
  const index = all.indexOf(current());
  select(all[Math.min(all.length - 1, Math.max(0, index + step))]);
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=radio]), select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key.toLowerCase();
  if (key === "j" || key === "arrowdown") move(1);
  else if (key === "k" || key === "arrowup") move(-1);
  else {
    const review = current();
    const target = review?.querySelector(/^[1-9]$/.test(key) ? `[data-number="${key}"]` : `[data-shortcut="${CSS.escape(key)}"]`);
    if (!target) return;
    target.click();
    if (key === "c") review.querySelector("[data-change] select")?.focus();
  }
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const review = event.target.closest("[data-review]");
  if (review && !event.target.closest("button, a, input, select, summary")) select(review);
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-quiet]")) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  form.inert = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (answer.type !== "opaqueredirect" && !answer.ok) location.reload();
  } catch {
    form.inert = false;
  }
  document.activeElement?.blur();
});

document.addEventListener("part", (event) => {
  if (event.detail === "reviews" && !current()) select(reviews()[0]);
});
select(reviews()[0]);
