// Shows the entry code of the moment from those the page holds, and fetches more while it can.

const box = document.querySelector(".qr");

if (box) {
  let codes = JSON.parse(box.dataset.codes);
  // The phone's own clock may be wrong: count on from the store's time when the page was made.
  const offset = Number(box.dataset.now) - performance.now();
  const path = box.querySelector("path");
  const svg = box.querySelector("svg");
  const bar = box.querySelector("progress");
  const spent = box.querySelector(".spent");
  const LOW = 10;
  let asked = 0;

  async function fetchMore(now) {
    if (now - asked < 20000) return;
    asked = now;
    try {
      const answer = await fetch("/me/codes.json");
      if (answer.ok) codes = await answer.json();
    } catch {
      // Offline: those at hand are good for some minutes more.
    }
  }

  function show() {
    const now = performance.now() + offset;
    const left = codes.filter((code) => Date.parse(code.to) > now);
    const current = left.find((code) => Date.parse(code.from) <= now);
    box.classList.toggle("is-spent", !current);
    spent.hidden = Boolean(current);
    if (current) {
      if (path.getAttribute("d") !== current.path) path.setAttribute("d", current.path);
      svg.setAttribute("viewBox", `0 0 ${current.size} ${current.size}`);
      box.dataset.code = current.code;
      bar.value = Math.max(0, (Date.parse(current.to) - now) / 1000);
    }
    if (left.length < LOW) fetchMore(now);
  }

  show();
  setInterval(show, 500);
  document.addEventListener("visibilitychange", show);
}
