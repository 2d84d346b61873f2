// Shows the entry code of the moment from those the page holds, and fetches more while it can. Once
// it let its member in, a spare one is shown for whoever comes along; so it is if somebody asks for it.

const box = document.querySelector(".qr");

if (box) {
  let codes = JSON.parse(box.dataset.codes);
  // The phone's own clock may be wrong: count on from the store's time when the page was made.
  const offset = Number(box.dataset.now) - performance.now();
  const path = box.querySelector("path");
  const svg = box.querySelector("svg");
  const bar = box.querySelector("progress");
  const spent = box.querySelector(".spent");
  const card = box.closest(".code");
  const QUIET = 4;
  const HOUR = 120;
  let asked = -Infinity;
  let skipped = 0;
  let inside = people();

  function people() {
    return Number(document.querySelector("#now [data-people]")?.dataset.people ?? 0);
  }

  // The dark modules as one SVG path, a stroke for each run of a row.
  function drawn({ size, modules }) {
    const bytes = atob(modules);
    const dark = (n) => (bytes.charCodeAt(n >> 3) >> (7 - (n & 7))) & 1;
    let strokes = "";
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const from = x;
        while (x < size && dark(y * size + x)) x++;
        if (x > from) strokes += `M${from + QUIET} ${y + QUIET}h${x - from}v1h${from - x}z`;
      }
    }
    return strokes;
  }

  async function fetchMore(now) {
    if (now - asked < 20000) return;
    asked = now;
    try {
      const answer = await fetch("/me/codes.json");
      if (answer.ok) codes = await answer.json();
    } catch {
      // Offline: those at hand are good for an hour or two.
    }
  }

  function show() {
    const now = performance.now() + offset;
    const left = codes.filter((code) => Date.parse(code.to) > now);
    const step = left.find((code) => Date.parse(code.from) <= now);
    box.classList.toggle("is-spent", !step);
    spent.hidden = Boolean(step);
    if (step) {
      const all = [step, ...step.spares];
      const current = all[(inside + skipped) % all.length];
      if (box.dataset.code !== current.code) {
        const side = current.size + 2 * QUIET;
        svg.setAttribute("viewBox", `0 0 ${side} ${side}`);
        path.setAttribute("d", drawn(current));
        box.dataset.code = current.code;
      }
      bar.value = Math.max(0, (Date.parse(step.to) - now) / 1000);
    }
    if (left.length < HOUR) fetchMore(now);
  }

  show();
  setInterval(show, 500);
  document.addEventListener("visibilitychange", show);
  document.addEventListener("part", () => {
    // Later than a group stands at the door together, another code would be another visit.
    if (!document.querySelector("[data-bring]")) card.classList.remove("for-friend");
    if (people() === inside) return;
    inside = people();
    skipped = 0;
    show();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-bring]")) return;
    if (card.classList.toggle("for-friend")) card.scrollIntoView({ behavior: "smooth" });
  });
  document.querySelector("[data-spare]").addEventListener("click", () => {
    skipped++;
    show();
  });
}
