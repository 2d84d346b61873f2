"use strict";
// One cursor moves everything: `state.t` is the moment, `state.from` to `state.to` the part in view.
const scene = JSON.parse(document.getElementById("scene").textContent);
const END = Math.max(scene.end_s, 0.1);
const state = { t: 0, from: 0, to: END, playing: false, full: false };
const GLYPHS = { pick: "▼", return: "▲", review: "?", foreign: "✱", refill: "+" };
const HOLLOW = { pick: "▽", return: "△", review: "?", foreign: "✱", refill: "+" };
const TONES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
const DARK_ON = new Set(["#e69f00", "#56b4e9", "#cc79a7"]);
const MISSING = -32768;
const byId = (id) => document.getElementById(id);

function make(tag, className = "", text = "", parent = null) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== "") made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

// Who is who: a letter and a colour a visit; tracks that nobody knows are grey with their number.
const people = new Map();
scene.visits.forEach((visit, n) => {
  const letter = n < 26 ? String.fromCharCode(65 + n) : String(n + 1);
  people.set(visit.id, { ...visit, letter, tone: TONES[n % TONES.length] });
});
const NOBODY = { letter: "–", tone: "#70777f", who: "nobody known" };
const personOf = (visit) => people.get(visit) || NOBODY;
function badge(visit, parent) {
  const person = personOf(visit);
  const made = make("span", "badge" + (DARK_ON.has(person.tone) ? " is-dark" : ""), person.letter, parent);
  made.style.setProperty("--tone", person.tone);
  return made;
}

// Traces: int16 steps about a base.
function values(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Int16Array(bytes.buffer);
}
function opened(lane) {
  if (!lane.low) {
    lane.low = values(lane.trace.low);
    lane.high = lane.trace.high ? values(lane.trace.high) : lane.low;
  }
  return lane;
}
const STALE_S = 1; // a value no older than this still counts as read
const grams = (lane, step) => lane.trace.base_g + lane.trace.unit_g * step;
function level(lane, t) {
  const now = Math.floor((t - lane.trace.first_s) / lane.trace.width_s);
  const oldest = now - Math.ceil(STALE_S / lane.trace.width_s);
  let at = Math.min(now, lane.low.length - 1);
  while (at >= 0 && at > oldest && lane.low[at] === MISSING) at -= 1;
  if (at < 0 || at <= oldest || lane.low[at] === MISSING) return null;
  return (grams(lane, lane.low[at]) + grams(lane, lane.high[at])) / 2;
}
function weight(g) {
  return Math.abs(g) >= 10000 ? `${(g / 1000).toFixed(1)} kg` : `${g.toFixed(Math.abs(g) < 100 ? 1 : 0)} g`;
}

const timeRows = []; // functions that place a row's contents again when the view changed
const moments = []; // functions that follow the cursor
const lanesShown = [];
const traces = byId("traces");
const rowWidth = () => Math.max(traces.clientWidth - labelWidth(), 50);
const labelWidth = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--label"));
const x = (t) => ((t - state.from) / (state.to - state.from)) * rowWidth();

function row(parent, className, label) {
  const made = make("div", `row ${className}`, "", parent);
  const name = make("div", "label", "", made);
  if (label) make("span", "say", label, name).title = label;
  return { made, name, time: make("div", "time", "", made) };
}

// Pieces on one row, on as many levels as overlap asks for.
function placed(time, pieces, height) {
  timeRows.push(() => {
    const ends = [];
    for (const piece of pieces) {
      const left = x(piece.from), wide = Math.max(x(piece.to) - left, textWidth(piece));
      let level = ends.findIndex((end) => end <= left);
      if (level < 0) level = ends.length < 4 ? ends.length : 3;
      ends[level] = left + wide + 2;
      Object.assign(piece.node.style, { left: `${left}px`, width: `${wide}px`, top: `${1 + level * height}px` });
      if (!piece.until) continue;
      piece.tail ||= make("div", "tail", "", time);
      const from = left + wide;
      Object.assign(piece.tail.style, { left: `${from}px`, width: `${Math.max(x(piece.until) - from, 0)}px`, top: `${9 + level * height}px` });
    }
    time.style.height = `${Math.max(ends.length, 1) * height + 3}px`;
  });
}

const spanOf = (node, from, to, least) => ({ node, from, to, least });
const MOST_TEXT_PX = 230;
function textWidth(piece) {
  if (piece.least !== null) return piece.least;
  piece.node.style.width = "auto";
  const wide = piece.node.offsetWidth;
  if (wide) piece.least = Math.min(wide, MOST_TEXT_PX);
  return wide;
}

const nodes = new Map(); // the element of each mark, to scroll to
function reveal(mark) {
  const node = nodes.get(mark);
  if (node) node.closest(".shelf").scrollIntoView({ block: "nearest", behavior: "auto" });
}

const counted = (m) => (m.name ? `${m.quantity} × ${m.name}` : m.kind);

function markNode(mark, parent) {
  const isWrong = mark.verdict.startsWith("wrong");
  const node = make("button", `mark said tone-${mark.kind}${isWrong ? " is-wrong" : ""}`, "", parent);
  node.textContent = `${GLYPHS[mark.kind]}${isWrong ? "✗" : ""} ${personOf(mark.visit).letter} ${counted(mark)}`;
  node.dataset.mark = mark.kind;
  tip(node, () => [
    `${mark.kind}: ${counted(mark)}`,
    [
      ["when", `${mark.from_s.toFixed(2)}–${mark.to_s.toFixed(2)} s, known at ${mark.known_s.toFixed(2)} s`],
      ["weight", `${mark.delta_g.toFixed(1)} g on ${mark.plates.map((p) => p.split("/").pop()).join(", ") || "no plate"}`],
      ["who", mark.visit ? `${personOf(mark.visit).letter} ${personOf(mark.visit).who} (${mark.visit})` : "nobody known"],
      ["track", mark.track || "–"],
      ["sure", `${(100 * mark.confidence).toFixed(1)} %${mark.reason ? ` · ${mark.reason}` : ""}`],
      ...mark.guesses.map((g, n) => [n ? "" : "could be", `${g.quantity} × ${g.name} ${(100 * g.probability).toFixed(1)} %`]),
      ...(mark.verdict ? [["truth says", mark.verdict]] : []),
    ],
  ]);
  node.addEventListener("click", () => moveTo(mark.from_s));
  nodes.set(mark, node);
  return node;
}

function truthNode(mark, parent) {
  const isClaimed = mark.kind === "pick" || mark.kind === "return";
  const isMissed = isClaimed && mark.state === "missed", isAsked = isClaimed && mark.state === "asked";
  const node = make("button", `mark true tone-${mark.kind}${isMissed ? " is-wrong" : isAsked ? " is-asked" : ""}`, "", parent);
  node.textContent = `${HOLLOW[mark.kind]}${isMissed ? " missed" : ""} ${mark.who} ${counted(mark)}`;
  node.dataset.truth = mark.kind;
  tip(node, () => [
    `truth: ${mark.kind} ${counted(mark)}`,
    [
      ["when", `${mark.at_s.toFixed(2)} s`],
      ["who", mark.who || "–"],
      ["plates", mark.plates.map((p) => p.split("/").pop()).join(", ") || "not written down"],
      ...(isClaimed ? [["replay", { found: "has it", asked: "asks a person", missed: "has no such step" }[mark.state]]] : []),
    ],
  ]);
  node.addEventListener("click", () => moveTo(mark.at_s));
  nodes.set(mark, node);
  return node;
}

function axisRow() {
  const { time } = row(traces, "axis", "");
  timeRows.push(() => {
    time.replaceChildren();
    const span = state.to - state.from;
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200].find((s) => span / s <= rowWidth() / 80) || 14400;
    for (let t = Math.ceil(state.from / step) * step; t <= state.to; t += step) {
      const text = step >= 60 ? `${(t / 60).toFixed(0)} min` : `${+t.toFixed(1)} s`;
      make("span", "", text, time).style.left = `${x(t)}px`;
    }
  });
}

function filmRow(film) {
  const { time } = row(traces, "", `${film.camera}`);
  const rate = film.count / Math.max(film.stretches.reduce((sum, [a, b]) => sum + b - a, 0), 0.1);
  const pieces = film.stretches.map(([from, to], n) => {
    const node = make("div", "bar film", n ? "" : `${film.count} ${film.kind}, ${rate.toFixed(1)}/s`, time);
    return spanOf(node, from, to, 3);
  });
  placed(time, pieces, 16);
}

function troubleRow(parent, label, troubles) {
  if (!troubles.length) return;
  const { time } = row(parent, "", label);
  placed(time, troubles.map((trouble) => {
    const node = make("button", "bar trouble", `⚠ ${trouble.what}`, time);
    tip(node, () => [trouble.what, [["why", trouble.why || "–"], ["when", `${trouble.from_s.toFixed(1)}–${trouble.to_s.toFixed(1)} s`]]]);
    return spanOf(node, trouble.from_s, trouble.to_s, 6);
  }), 16);
}

function handsRow(parent, hands) {
  if (!hands.length) return;
  const { time } = row(parent, "", "hands in the shelf");
  placed(time, hands.map((hand) => {
    const person = personOf(hand.visit);
    const node = make("button", `bar${DARK_ON.has(person.tone) ? " is-dark" : ""}`, person.letter, time);
    node.style.setProperty("--tone", person.tone);
    tip(node, () => [`${person.letter} ${person.who} reaches into ${hand.shelf}`, [
      ["when", `${hand.from_s.toFixed(2)}–${hand.to_s.toFixed(2)} s`], ["track", hand.track],
      ["camera", hand.camera], ["sure", `${(100 * hand.confidence).toFixed(0)} %`]]]);
    return spanOf(node, hand.from_s, hand.to_s, 8);
  }), 16);
}

function shelfBlock(shelf, parent) {
  const block = make("div", `shelf${shelf.is_open ? "" : " is-folded"}`, "", parent);
  block.dataset.shelf = shelf.id;
  const head = make("button", "head", "", block);
  const arrow = make("i", "", shelf.is_open ? "▾" : "▸", head);
  make("b", "", shelf.id, head);
  make("span", "", shelf.products, head);
  make("i", "", `${shelf.plates.length} plate${shelf.plates.length === 1 ? "" : "s"}`, head);
  const body = make("div", "body", "", block);
  let isFilled = false;
  const fill = () => {
    if (isFilled) return;
    isFilled = true;
    const mine = (list) => (list || []).filter((one) => one.shelf === shelf.id);
    const said = mine(scene.marks), trues = mine(scene.truths);
    if (said.length) {
      const { time } = row(body, "", "replay says");
      placed(time, said.map((m) => ({ ...spanOf(markOf(m, markNode(m, time)), m.from_s, m.to_s, null), until: m.known_s })), 20);
    }
    if (trues.length) {
      const { time } = row(body, "", "truth");
      placed(time, trues.map((m) => spanOf(truthNode(m, time), m.at_s, m.at_s, null)), 20);
    }
    handsRow(body, mine(scene.hands));
    troubleRow(body, "sensors", scene.troubles.filter((one) => one.shelves.includes(shelf.id)));
    const moved = shelf.plates.filter((plate) => plate.has_moved);
    const still = shelf.plates.filter((plate) => !plate.has_moved);
    moved.forEach((plate) => laneRow(shelf, plate, body, true));
    if (!still.length) return;
    const more = make("button", "more", `▸ ${still.length} plate${still.length === 1 ? "" : "s"} that did not move`, body);
    more.addEventListener("click", () => {
      more.remove();
      still.forEach((plate) => laneRow(shelf, plate, body, false));
      changed();
    });
  };
  if (shelf.is_open) fill();
  head.addEventListener("click", () => {
    fill();
    arrow.textContent = block.classList.toggle("is-folded") ? "▸" : "▾";
    changed();
  });
}

function markOf(mark, node) {
  moments.push(() => {
    node.classList.toggle("is-ahead", state.t < mark.known_s);
    node.classList.toggle("is-now", state.t >= mark.from_s && state.t <= Math.max(mark.to_s, mark.from_s + 0.3));
  });
  return node;
}

function laneRow(shelf, plate, parent, hasMoved) {
  opened(plate);
  const { made, name, time } = row(parent, `lane${hasMoved ? "" : " is-still"}`, "");
  const line = make("div", "", "", name);
  make("b", "", plate.label, line);
  const value = make("span", "value", "", line);
  if (hasMoved) make("span", "say", plate.products, name).title = plate.products;
  made.title = plate.id;
  const canvas = make("canvas", "", "", time);
  const first = level(plate, plate.trace.first_s) ?? 0;
  lanesShown.push(() => drawLane(shelf, plate, canvas));
  moments.push(() => {
    const now = level(plate, state.t);
    value.textContent = now === null ? "not read" : `${weight(now)} (${now >= first ? "+" : "−"}${weight(Math.abs(now - first))})`;
  });
}

function extent(plate) {
  if (!state.full) return plate.fit_g;
  let least = Infinity, most = -Infinity;
  for (let i = 0; i < plate.low.length; i++) {
    if (plate.low[i] === MISSING) continue;
    least = Math.min(least, plate.low[i]);
    most = Math.max(most, plate.high[i]);
  }
  return least > most ? plate.fit_g : [grams(plate, least), grams(plate, most) + 1];
}

function drawLane(shelf, plate, canvas) {
  const wide = rowWidth(), high = canvas.clientHeight, dense = window.devicePixelRatio || 1;
  if (!high) return;
  canvas.width = wide * dense;
  canvas.height = high * dense;
  const pen = canvas.getContext("2d");
  pen.scale(dense, dense);
  const [least, most] = extent(plate);
  const y = (g) => Math.min(Math.max(high - 3 - ((g - least) / (most - least)) * (high - 6), 0), high);
  for (const trouble of scene.troubles) {
    if (trouble.shelves.includes(shelf.id) || trouble.shelves.includes(plate.id)) {
      pen.fillStyle = "rgb(120 128 138 / 16%)";
      pen.fillRect(x(trouble.from_s), 0, x(trouble.to_s) - x(trouble.from_s), high);
    }
  }
  const tint = { pick: "0 114 178", return: "213 94 0", review: "154 77 134", foreign: "85 91 99", refill: "0 121 91" };
  for (const mark of scene.marks) {
    if (!mark.plates.includes(plate.id)) continue;
    pen.fillStyle = `rgb(${tint[mark.kind]} / 16%)`;
    pen.fillRect(x(mark.from_s), 0, Math.max(x(mark.to_s) - x(mark.from_s), 2), high);
  }
  for (const truth of scene.truths) {
    if (!truth.plates.includes(plate.id)) continue;
    pen.strokeStyle = `rgb(${tint[truth.kind]} / 90%)`;
    pen.setLineDash([3, 3]);
    pen.beginPath(); pen.moveTo(x(truth.at_s), 0); pen.lineTo(x(truth.at_s), high); pen.stroke();
  }
  pen.setLineDash([]);
  drawTrace(pen, plate, y, least, most, high);
  if (high < 40) return;
  caption(pen, weight(most), 3, 10, "#6b7480");
  caption(pen, weight(least), 3, high - 3, "#6b7480");
}

function caption(pen, text, left, base, colour) {
  pen.font = "10px system-ui, sans-serif";
  pen.lineWidth = 3;
  pen.strokeStyle = "#fff";
  pen.strokeText(text, left, base);
  pen.fillStyle = colour;
  pen.fillText(text, left, base);
}

function drawTrace(pen, plate, y, least, most, high) {
  const { first_s, width_s } = plate.trace;
  const begin = Math.max(Math.floor((state.from - first_s) / width_s) - 1, 0);
  const end = Math.min(Math.ceil((state.to - first_s) / width_s) + 1, plate.low.length);
  const beyond = [];
  pen.strokeStyle = "#1c1f24";
  pen.lineWidth = 1.1;
  pen.beginPath();
  let isDown = false;
  for (let i = begin; i < end; i++) {
    if (plate.low[i] === MISSING) { isDown = false; continue; }
    const low = grams(plate, plate.low[i]), top = grams(plate, plate.high[i]);
    const at = x(first_s + (i + 0.5) * width_s);
    if (isDown) pen.lineTo(at, y(low)); else pen.moveTo(at, y(low));
    if (top !== low) pen.lineTo(at, y(top));
    isDown = true;
    if (low < least || top > most) beyond.push([at, top > most ? top : low, top > most]);
  }
  pen.stroke();
  // What shoots beyond the lane: a triangle at its edge, the largest of a cluster with its weight.
  let cluster = null;
  const told = () => {
    if (!cluster) return;
    const [at, g, isUp] = cluster.worst;
    pen.fillStyle = "#b3261e";
    pen.beginPath();
    const edge = isUp ? 1 : high - 1, tip = isUp ? 7 : high - 7;
    pen.moveTo(at, edge); pen.lineTo(at - 4, tip); pen.lineTo(at + 4, tip); pen.fill();
    if (high >= 40) caption(pen, weight(g), Math.max(at + 6, 54), isUp ? 10 : high - 3, "#b3261e");
    cluster = null;
  };
  for (const one of beyond) {
    if (cluster && one[0] - cluster.last > 46) told();
    if (!cluster) cluster = { worst: one, last: one[0] };
    else if (Math.abs(one[1]) > Math.abs(cluster.worst[1])) cluster.worst = one;
    cluster.last = Math.max(cluster.last, cluster.worst[0]);
  }
  told();
}

// The tooltip of a mark: a heading and pairs.
function tip(node, content) {
  const box = byId("tip");
  const show = () => {
    const [head, pairs] = content();
    box.replaceChildren(make("b", "", head));
    const table = make("table", "", "", box);
    for (const [key, text] of pairs) {
      const line = make("tr", "", "", table);
      make("td", "", key, line);
      make("td", "", text, line);
    }
    box.hidden = false;
    const at = node.getBoundingClientRect();
    const above = at.top - box.offsetHeight - 6;
    box.style.top = `${above > 4 ? above : at.bottom + 6}px`;
    box.style.left = `${Math.min(Math.max(at.left, 6), innerWidth - box.offsetWidth - 6)}px`;
  };
  const hide = () => { box.hidden = true; };
  node.addEventListener("pointerenter", show);
  node.addEventListener("focus", show);
  node.addEventListener("pointerleave", hide);
  node.addEventListener("blur", hide);
}

// The floor: everybody's foot, the last seconds' way, an arm to the shelf in reach.
const SVG = "http://www.w3.org/2000/svg";
const TRAIL_S = 4;
const LOST_S = 1.5;
function draw(tag, attributes, parent) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}
const scale = Math.max(...scene.floor.view.split(" ").slice(2).map(Number)) / 560;
byId("floor").style.setProperty("--letter", `${15 * scale}px`);
function lastAt(points, t) {
  let low = 0, high = points.length;
  while (low < high) { const middle = (low + high) >> 1; if (points[middle][0] <= t) low = middle + 1; else high = middle; }
  return low - 1;
}
moments.push(() => {
  const group = byId("walkers");
  group.replaceChildren();
  let count = 0;
  for (const walk of scene.walks) {
    const at = lastAt(walk.points, state.t);
    if (at < 0 || (state.t - walk.points[at][0] > LOST_S)) continue;
    count += 1;
    const person = personOf(walk.visit);
    const [, px, py] = walk.points[at];
    const trail = [];
    for (let i = at; i >= 0 && walk.points[i][0] >= state.t - TRAIL_S; i--) trail.push(`${100 * walk.points[i][1]},${-100 * walk.points[i][2]}`);
    draw("polyline", { class: "trail", points: trail.join(" "), stroke: person.tone, "stroke-width": 4 * scale }, group);
    for (const hand of scene.hands) {
      if (hand.track !== walk.track || state.t < hand.from_s || state.t > hand.to_s + 0.2) continue;
      const front = (scene.shelves.find((shelf) => shelf.id === hand.shelf) || {}).front_m;
      if (front) draw("line", { class: "arm", x1: 100 * px, y1: -100 * py, x2: 100 * front[0], y2: -100 * front[1], stroke: person.tone }, group);
    }
    const one = draw("g", { class: "walker", "data-track": walk.track }, group);
    draw("circle", { cx: 100 * px, cy: -100 * py, r: 15 * scale, fill: person.tone, stroke: "#fff", "stroke-width": 3 * scale }, one);
    draw("text", { x: 100 * px, y: -100 * py, "font-size": 17 * scale, fill: DARK_ON.has(person.tone) ? "#1c1f24" : "#fff" }, one).textContent = person.letter;
  }
  byId("people").textContent = scene.walks.length ? `· ${count} in sight` : "· nobody was tracked";
});

// Cameras: the last picture of each by now.
for (const film of scene.films.filter((one) => one.stills.length)) {
  const times = film.stills.map((still) => [still.at_s]);
  const shown = make("figure", "", "", byId("cameras"));
  const picture = make("img", "", "", shown);
  picture.alt = `What ${film.camera} shows`;
  make("figcaption", "", film.camera, shown);
  let last = -1;
  moments.push(() => {
    const at = Math.max(lastAt(times, state.t), 0);
    if (at !== last) picture.src = `data:image/jpeg;base64,${film.stills[at].jpeg}`;
    last = at;
  });
}

// Carts: what the replay had decided by now, beside what was true by now.
const SIGNS = { pick: 1, return: -1 };
function linesOf(person, t) {
  const lines = new Map();
  const line = (name) => {
    if (!lines.has(name)) lines.set(name, { name, said: 0, checking: 0, asked: 0, true: 0 });
    return lines.get(name);
  };
  for (const mark of scene.marks) {
    if (mark.visit !== person.id || mark.from_s > t || mark.kind === "foreign") continue;
    const change = (mark.delta_g < 0 ? 1 : -1) * mark.quantity;
    if (mark.known_s > t) line(mark.name).checking += change;
    else if (mark.kind === "review") line(mark.name).asked += change;
    else line(mark.name).said += change;
  }
  for (const truth of scene.truths) {
    if (truth.at_s <= t && SIGNS[truth.kind] && (truth.who === person.who || person.who === "everybody")) {
      line(truth.name).true += SIGNS[truth.kind] * truth.quantity;
    }
  }
  return [...lines.values()].filter((one) => one.said || one.checking || one.asked || one.true);
}
function departed(person, left) {
  const settled = person.settled_s;
  const isKnown = settled !== null && settled <= Math.max(state.t, left);
  return `left at ${left.toFixed(1)} s${isKnown ? `, all known at ${settled.toFixed(1)} s` : ", waiting"}`;
}
const signed = (n) => (n > 0 ? `+${n}` : `−${Math.abs(n)}`);
moments.push(() => {
  const carts = byId("carts");
  carts.replaceChildren();
  if (!people.size) make("p", "empty", "No visit in this recording.", carts);
  for (const person of people.values()) {
    const cart = make("div", "cart", "", carts);
    cart.dataset.visit = person.id;
    const head = make("header", "", "", cart);
    badge(person.id, head);
    make("b", "", person.who, head);
    const left = person.to_s ?? null;
    const isOver = left !== null && state.t >= left;
    make("span", "", state.t < person.from_s ? "not here yet" : isOver ? departed(person, left) : "in the store", head);
    const lines = linesOf(person, state.t);
    if (!lines.length) { make("p", "empty", "empty", cart); continue; }
    const table = make("table", "", "", cart);
    const top = make("tr", "", "", make("thead", "", "", table));
    make("th", "", "", top);
    make("th", "n", "cart", top);
    if (scene.has_truth) make("th", "n", "truth", top);
    for (const one of lines) {
      const isOff = scene.has_truth && one.said + one.checking + one.asked !== one.true;
      const state = one.checking ? " checking" : one.asked ? " review" : "";
      const line = make("tr", `line${isOff ? " differs" : state}`, "", table);
      make("td", "", one.name || "?", line);
      const open = (one.checking ? ` … ${signed(one.checking)}` : "") + (one.asked ? ` ? ${signed(one.asked)}` : "");
      make("td", "n", `${isOff ? "≠ " : ""}${one.said}${open}`, line);
      if (scene.has_truth) make("td", "n", String(one.true), line);
    }
  }
});

// The list of steps, to jump to.
function stepList() {
  const list = byId("steps");
  for (const mark of scene.marks) {
    const item = make("li", `tone-${mark.kind}`, "", list);
    const button = make("button", "", "", item);
    make("span", "at", `${mark.from_s.toFixed(1)} s`, button);
    make("span", "glyph", GLYPHS[mark.kind], button);
    make("span", "name", counted(mark), button).title = counted(mark);
    make("span", mark.verdict.startsWith("wrong") ? "bad" : "", mark.verdict.startsWith("wrong") ? `✗ ${mark.verdict}` : `${(Math.floor(1000 * mark.confidence) / 10).toFixed(1)} %`, button);
    badge(mark.visit, button);
    button.addEventListener("click", () => { moveTo(mark.from_s); reveal(mark); });
    moments.push(() => {
      item.classList.toggle("is-ahead", state.t < mark.known_s);
      item.classList.toggle("is-now", state.t >= mark.from_s && state.t <= Math.max(mark.to_s, mark.from_s + 0.3));
    });
  }
  if (!scene.marks.length) make("li", "", "The replay says that nothing happened.", list);
}

// The cursor and the part in view.
const stops = [...scene.marks.map((mark) => ({ t: mark.from_s, mark })), ...scene.truths.map((mark) => ({ t: mark.at_s, mark }))];
stops.sort((a, b) => a.t - b.t);
function moveTo(t) {
  state.t = Math.min(Math.max(t, 0), END);
  const span = state.to - state.from;
  if (state.t < state.from || state.t > state.to) {
    look(Math.min(Math.max(state.t - span / 2, 0), END - span), span);
  }
  moved();
}
function look(from, span) {
  span = Math.min(Math.max(span, 1), END);
  state.from = Math.min(Math.max(from, 0), END - span);
  state.to = state.from + span;
  changed();
}
function zoom(factor) {
  const span = (state.to - state.from) * factor;
  look(state.t - ((state.t - state.from) / (state.to - state.from)) * span, span);
}
function moved() {
  byId("clock").textContent = `${state.t.toFixed(2)} / ${END.toFixed(1)} s`;
  byId("needle").style.left = `${(100 * state.t) / END}%`;
  byId("overview").setAttribute("aria-valuenow", state.t.toFixed(2));
  byId("cursor").style.left = `${labelWidth() + x(state.t)}px`;
  moments.forEach((follow) => follow());
}
function changed() {
  byId("window").style.left = `${(100 * state.from) / END}%`;
  byId("window").style.width = `${(100 * (state.to - state.from)) / END}%`;
  timeRows.forEach((place) => place());
  lanesShown.forEach((paint) => paint());
  moved();
}
let lastFrame = 0;
function step(now) {
  if (!state.playing) return;
  moveTo(state.t + ((now - lastFrame) / 1000) * Number(byId("speed").value));
  lastFrame = now;
  if (state.t >= END) play(false);
  else requestAnimationFrame(step);
}
function play(isOn) {
  if (isOn && state.t >= END) state.t = 0;
  state.playing = isOn;
  byId("play").textContent = isOn ? "⏸" : "▶";
  byId("play").setAttribute("aria-pressed", isOn);
  lastFrame = performance.now();
  if (isOn) requestAnimationFrame(step);
}
function jump(direction) {
  const next = direction > 0 ? stops.find((one) => one.t > state.t + 0.01) : stops.findLast((one) => one.t < state.t - 0.01);
  if (!next) return;
  moveTo(next.t);
  reveal(next.mark);
}
function toggleRange() {
  state.full = !state.full;
  byId("range").setAttribute("aria-pressed", state.full);
  changed();
}
const keys = {
  ArrowLeft: (event) => moveTo(state.t - (event.shiftKey ? 1 : 0.1)),
  ArrowRight: (event) => moveTo(state.t + (event.shiftKey ? 1 : 0.1)),
  Home: () => moveTo(0), End: () => moveTo(END), " ": () => play(!state.playing),
  n: () => jump(1), p: () => jump(-1), g: toggleRange,
  "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => look(0, END),
};
document.addEventListener("keydown", (event) => {
  if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key](event);
});
// A button that has the focus would be pressed by the space that plays.
document.addEventListener("keyup", (event) => { if (event.key === " " && event.target.tagName === "BUTTON") event.preventDefault(); });
function dragging(node, at) {
  let isHeld = false;
  node.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button, .label")) return;
    const t = at(event);
    if (t === null) return;
    isHeld = true;
    node.setPointerCapture(event.pointerId);
    moveTo(t);
  });
  node.addEventListener("pointermove", (event) => { if (isHeld) moveTo(at(event)); });
  node.addEventListener("pointerup", () => { isHeld = false; });
  node.addEventListener("pointercancel", () => { isHeld = false; });
}
dragging(byId("overview"), (event) => {
  const box = byId("overview").getBoundingClientRect();
  return ((event.clientX - box.left) / box.width) * END;
});
dragging(traces, (event) => {
  const left = event.clientX - traces.getBoundingClientRect().left - labelWidth();
  return left < 0 ? state.from : state.from + (left / rowWidth()) * (state.to - state.from);
});

function overviewTicks() {
  const tones = { pick: "--pick", return: "--return", review: "--review", foreign: "--foreign", refill: "--refill" };
  const tick = (className, t, kind) => {
    const node = make("div", `tick ${className}`, "", byId("overview"));
    node.style.cssText = `left:${(100 * t) / END}%;background:var(${tones[kind]})`;
  };
  scene.marks.forEach((mark) => tick("said", mark.from_s, mark.kind));
  scene.truths.forEach((mark) => tick("true", mark.at_s, mark.kind));
}

function legend() {
  const box = byId("legend");
  for (const kind of ["pick", "return", "review", "foreign"]) {
    const one = make("span", "", "", box);
    make("span", `mark said tone-${kind}`, GLYPHS[kind], one);
    one.append(`replay: ${kind}`);
  }
  const hollow = make("span", "", "", box);
  make("span", "mark true tone-pick", HOLLOW.pick, hollow);
  hollow.append("truth");
  const bad = make("span", "", "", box);
  make("span", "mark is-wrong", "✗", bad);
  bad.append("wrong or missed");
  const asked = make("span", "", "", box);
  make("span", "mark true is-asked", HOLLOW.pick, asked);
  asked.append("true, but a person is asked");
  make("span", "", "pale: not yet known (dotted: until when) · cart: … +1 checking, ? +1 for a person · red triangle: beyond the lane · ← → move (Shift: 1 s) · n p next, previous mark · space plays · + − 0 zoom · g full range", box);
}

function build() {
  axisRow();
  scene.films.forEach(filmRow);
  troubleRow(traces, "parts and faults", scene.troubles.filter((one) => !one.shelves.length || one.shelves.length > 1));
  scene.shelves.filter((shelf) => shelf.is_open).forEach((shelf) => shelfBlock(shelf, traces));
  const quiet = scene.shelves.filter((shelf) => !shelf.is_open);
  if (quiet.length) {
    const plates = quiet.reduce((sum, shelf) => sum + shelf.plates.length, 0);
    const fold = make("button", "fold", `▸ ${quiet.length} quiet shel${quiet.length === 1 ? "f" : "ves"}, ${plates} plates`, traces);
    fold.id = "quiet";
    fold.addEventListener("click", () => { fold.remove(); quiet.forEach((shelf) => shelfBlock(shelf, traces)); });
  }
  stepList();
  overviewTicks();
  legend();
  const asked = /^#t=([\d.]+)$/.exec(location.hash);
  state.t = asked ? Math.min(Number(asked[1]), END) : scene.opens_at_end ? END : 0;
  changed();
  if (scene.opens_at_end && !asked) document.querySelector(".end").scrollIntoView();
}
build();
addEventListener("resize", changed);
