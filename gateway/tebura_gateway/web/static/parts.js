// Keeps marked parts of a page as the server has them: each arrives as HTML and is merged in place,
// so that focus, scroll and animations live on. Elements are matched by data-key.

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined);

function mark(element, name) {
  element.classList.add(name);
  element.addEventListener("animationend", () => element.classList.remove(name), { once: true });
}

function mergeAttributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !["aria-current", "open"].includes(name)) old.removeAttribute(name);
  }
}

function merge(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  const watched = old.dataset.watch;
  mergeAttributes(old, fresh);
  mergeChildren(old, fresh);
  if (watched !== undefined && watched !== fresh.dataset.watch) mark(old, "changed");
}

function isSame(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
}

function mergeChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.children) if (keyOf(child)) keyed.set(keyOf(child), child);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    let found = key ? keyed.get(key) : at && !keyOf(at) && isSame(at, wanted) ? at : undefined;
    if (found && !isSame(found, wanted)) found = undefined;
    if (!found) {
      const added = document.importNode(wanted, true);
      old.insertBefore(added, at);
      if (key) mark(added, "arrived");
      continue;
    }
    if (found === at) at = at.nextSibling;
    else old.insertBefore(found, at);
    if (found.nodeType === Node.ELEMENT_NODE) merge(found, wanted);
    else if (found.data !== wanted.data) found.data = wanted.data;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// A user's own typing in a form is not ours to overwrite.
function isBusy(element) {
  const active = document.activeElement;
  return element.contains(active) && active.matches("select, input:not([type=radio])");
}

export function listen(handlers = {}) {
  const stream = new EventSource(document.body.dataset.stream);
  const offline = document.querySelector(".offline");
  stream.addEventListener("part", (event) => {
    const { id, html } = JSON.parse(event.data);
    const element = document.getElementById(id);
    if (!element || isBusy(element)) return;
    const fresh = element.cloneNode(false);
    fresh.innerHTML = html;
    mergeChildren(element, fresh);
    document.dispatchEvent(new CustomEvent("part", { detail: id }));
  });
  for (const [name, handle] of Object.entries(handlers)) {
    stream.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  stream.addEventListener("open", () => { offline.hidden = true; });
  stream.addEventListener("error", () => {
    offline.hidden = false;
    // The browser tries again by itself, except after a refusal.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
  addEventListener("pagehide", () => stream.close());
  return stream;
}

if (document.body.dataset.stream && !document.documentElement.classList.contains("live")) listen();
