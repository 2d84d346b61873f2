// Registering one's face. The phone makes its half of the key, takes a few pictures, and keeps the
// half once a template was made and sealed. Without a template there is nothing to keep.

const root = document.querySelector("[data-face]");
const camera = root?.querySelector("[data-camera]");
const PICTURES = 4;
const BETWEEN_MS = 600;
const ASK_MS = 500;
const PATIENCE_MS = 25000;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function send(path, body, type) {
  const answer = await fetch(`/me/face/enrolments${path}`, {
    method: "POST",
    headers: { "content-type": type, accept: "application/json", "x-form": root.dataset.form },
    body,
  });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

function newHalf() {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
}

function picture(video) {
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, 640 / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = video.videoWidth * scale;
  canvas.height = video.videoHeight * scale;
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
}

async function outcome(ticket) {
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await wait(ASK_MS)) {
    const answer = await fetch(`/me/face/enrolments/${ticket}`, { headers: { accept: "application/json" } });
    if (!answer.ok) break;
    const found = await answer.json();
    if (found.progress === "done" || found.progress === "fault") return found;
  }
  return { progress: "fault", why: camera.dataset.tooSlow };
}

async function register(video, say) {
  const half = newHalf();
  const { ticket } = await send("", JSON.stringify({ form: root.dataset.form, half }), "application/json");
  say(camera.dataset.taking);
  for (let n = 0; n < PICTURES; n++) {
    await wait(BETWEEN_MS);
    await send(`/${ticket}/frames`, await picture(video), "image/jpeg");
  }
  say(camera.dataset.working);
  await send(`/${ticket}/end`, null, "application/json");
  const found = await outcome(ticket);
  if (found.progress === "done") localStorage.setItem(root.dataset.face, half);
  return found;
}

async function begin(button) {
  const video = camera.querySelector("video");
  const say = (text) => { camera.querySelector("[data-status]").textContent = text; };
  button.disabled = true;
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: 640, height: 480 } });
  } catch {
    say(camera.dataset.noCamera);
    button.disabled = false;
    return;
  }
  video.srcObject = stream;
  video.hidden = false;
  await video.play();
  const found = await register(video, say).catch(() => ({ progress: "fault", why: camera.dataset.tooSlow }));
  stream.getTracks().forEach((track) => track.stop());
  if (found.progress === "done") {
    location.href = "/me/face?told=done";
    return;
  }
  video.hidden = true;
  say(found.why);
  button.textContent = camera.dataset.again;
  button.disabled = false;
}

if (root) {
  if (root.dataset.enrolled === "no") localStorage.removeItem(root.dataset.face);
  else if (!localStorage.getItem(root.dataset.face)) root.querySelector("[data-no-key]").hidden = false;
  const button = camera?.querySelector("[data-start]");
  button?.addEventListener("click", () => begin(button));
}
