// While the code is on the screen, the phone lends its half of the key to the shop; nothing is sent
// while the page is hidden, and a half that opens nothing any more is forgotten.

const card = document.querySelector("[data-lend]");
const EVERY_MS = 15000;

async function lend() {
  const half = localStorage.getItem(card.dataset.lend);
  if (!half || document.visibilityState !== "visible") return;
  try {
    const answer = await fetch("/me/face/key", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ form: card.dataset.form, half }),
    });
    if (answer.ok && (await answer.json()).state === "not-enrolled") localStorage.removeItem(card.dataset.lend);
  } catch {
    // Offline: the gate asks for the code alone, or for staff.
  }
}

if (card) {
  lend();
  setInterval(lend, EVERY_MS);
  document.addEventListener("visibilitychange", lend);
}
