// The live page: parts as they change, and people on the floor plan several times a second.

import { listen } from "./parts.js";

const SVG = "http://www.w3.org/2000/svg";
const layer = document.getElementById("people");
const people = new Map();
const TRAIL = 40;

function visitOf(track) {
  return [...document.querySelectorAll("[data-tracks]")].find((card) => card.dataset.tracks.split(" ").includes(track));
}

function draw(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function arrive(track) {
  const trail = draw("polyline", { class: "trail" });
  const person = draw("g", { class: "person" });
  person.append(draw("circle", { class: "halo", r: 34 }), draw("circle", { r: 21 }), draw("text", {}));
  layer.append(trail, person);
  const one = { trail, person, points: [] };
  people.set(track, one);
  return one;
}

function place({ track, x, y }) {
  const one = people.get(track) ?? arrive(track);
  const card = visitOf(track);
  const tint = card?.querySelector(".face")?.className.match(/tint-\d/)?.[0] ?? "";
  one.person.setAttribute("class", `person ${tint}`);
  one.trail.setAttribute("class", `trail ${tint}`);
  one.person.lastChild.textContent = card?.dataset.name.slice(0, 1) ?? "";
  one.person.style.transform = `translate(${(x * 100).toFixed(1)}px, ${(-y * 100).toFixed(1)}px)`;
  one.points.push(`${(x * 100).toFixed(0)},${(-y * 100).toFixed(0)}`);
  if (one.points.length > TRAIL) one.points.shift();
  one.trail.setAttribute("points", one.points.join(" "));
}

function leave(track) {
  const { trail, person } = people.get(track);
  trail.remove();
  person.remove();
  people.delete(track);
}

listen({
  positions(now) {
    now.forEach(place);
    const here = new Set(now.map(({ track }) => track));
    for (const track of [...people.keys()]) if (!here.has(track)) leave(track);
  },
});
