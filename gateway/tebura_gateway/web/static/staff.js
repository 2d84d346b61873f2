// Staff by keyboard. In the queue J and K move and Enter opens; on a review 1 to 9 choose, Enter
// accepts, C changes, V voids, J and K go on and back, U undoes, ? shows the keys. Every key presses
// a link or a button that is there without this.

const typed = (element) => element.matches("input:not([type=radio]), select, textarea");

function move(step) {
  const all = [...document.querySelectorAll("[data-review]")];
  const index = all.indexOf(document.activeElement);
  all[Math.min(all.length - 1, Math.max(0, index + step))]?.focus();
  return all.length > 0;
}

function openChange() {
  const form = document.getElementById("change");
  location.replace("#change");
  form.querySelector("[data-first]").focus();
  return true;
}

function choose(number) {
  const choice = document.querySelector(`[data-number="${number}"]`);
  if (!choice || choice.disabled) return false;
  choice.checked = true;
  choice.focus();
  return true;
}

const STEPS = { j: 1, arrowdown: 1, k: -1, arrowup: -1 };
const KEYS = { "?": "help", arrowright: "j", arrowleft: "k", n: "j", p: "k" };

function press(key) {
  if (/^[1-9]$/.test(key)) return choose(key);
  if (key === "c" && document.getElementById("change")) return openChange();
  const target = document.querySelector(`[data-key-for="${KEYS[key] ?? key}"]`);
  if (!target) return key in STEPS && move(STEPS[key]);
  target.click();
  return true;
}

let sent = false;
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { target } = event;
  const key = event.key.toLowerCase();
  if (key === "escape" && typed(target)) target.blur();
  // Where somebody types, or stands on a button or link, keys are theirs.
  if (typed(target) || (key === "enter" && target.matches("a, button, summary"))) return;
  if (key.startsWith("arrow") && target.matches("[type=radio]")) return;
  if (sent || event.repeat || !/^([1-9a-z?]|enter|arrow\w+)$/.test(key)) return;
  if (press(key)) event.preventDefault();
});

// One press, one answer: a second Enter on a slow line must not decide the next one.
document.addEventListener("submit", (event) => {
  if (sent) event.preventDefault();
  sent = true;
});
addEventListener("pageshow", () => { sent = false; });

for (const bar of document.querySelectorAll("[data-undo]")) {
  setTimeout(() => bar.remove(), Number(bar.dataset.undo) * 1000);
  history.replaceState(null, "", location.href.replace(/[?&]undo=[^&]*/, ""));
}
if (document.querySelector("[data-review]")) move(1);
