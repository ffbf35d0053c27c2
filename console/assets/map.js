// The map beyond its links: arrow keys, finding, zoom by hand and by fingers,
// the card of what is chosen and the lines to whom it calls.
"use strict";
(() => {
  const stage = document.querySelector("[data-map]");
  if (!stage) return;
  const view = stage.querySelector("[data-map-view]"), card = stage.querySelector("[data-map-card]");
  const field = stage.querySelector("[data-map-find]"), say = stage.querySelector("[data-map-say]"), hint = say.textContent;
  const ns = "http://www.w3.org/2000/svg";
  const pictures = [...view.querySelectorAll("svg.map")].map(svg => {
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    return { svg, full: { x: 0, y: 0, width, height }, now: { x: 0, y: 0, width, height } };
  });
  const shown = () => pictures.find(p => p.svg.getClientRects().length) || pictures[0];
  const stops = p => [...p.svg.querySelectorAll("a.head, a.thing")].filter(a => !a.classList.contains("dim") || !field.value);
  const about = i => document.querySelector(`#map-list [data-about="${i}"]`);

  // Zoom: a part of the picture fills the window that all of it had.
  function look(p, box) {
    const f = p.full;
    const width = Math.min(f.width, Math.max(f.width / 12, box.width)), height = width * f.height / f.width;
    p.now = { width, height, x: Math.min(f.width - width, Math.max(0, box.x)), y: Math.min(f.height - height, Math.max(0, box.y)) };
    p.svg.setAttribute("viewBox", [p.now.x, p.now.y, width, height].map(n => n.toFixed(1)).join(" "));
    view.classList.toggle("zoomed", width < f.width - 1);
  }
  function zoom(p, by, at) {
    if (!by) return look(p, p.full);
    const n = p.now, x = at ? at.x : n.x + n.width / 2, y = at ? at.y : n.y + n.height / 2;
    look(p, { x: x - (x - n.x) / by, y: y - (y - n.y) / by, width: n.width / by });
  }
  function point(p, x, y) {
    const r = p.svg.getBoundingClientRect();
    return { x: p.now.x + (x - r.left) / r.width * p.now.width, y: p.now.y + (y - r.top) / r.height * p.now.height };
  }
  const zoomed = p => p.now.width < p.full.width - 1;
  function into(p, a) { // what is chosen is in sight
    const b = a.getBBox(), n = p.now;
    if (zoomed(p) && (b.x < n.x || b.y < n.y || b.x + b.width > n.x + n.width || b.y + b.height > n.y + n.height)) {
      look(p, { ...n, x: b.x + b.width / 2 - n.width / 2, y: b.y + b.height / 2 - n.height / 2 });
    }
  }
  stage.addEventListener("click", e => {
    const b = e.target.closest("[data-map-zoom]");
    if (b) zoom(shown(), Number(b.dataset.mapZoom));
  });
  view.addEventListener("wheel", e => {
    if (!e.ctrlKey && !e.metaKey) return; // the wheel alone scrolls the page
    e.preventDefault();
    const p = shown();
    zoom(p, Math.exp(-e.deltaY / 300), point(p, e.clientX, e.clientY));
  }, { passive: false });
  let fingers, moved = false;
  const spread = t => Math.hypot(t[0].clientX - t[1].clientX, t[0].clientY - t[1].clientY);
  const middle = t => ({ x: [...t].reduce((s, f) => s + f.clientX, 0) / t.length, y: [...t].reduce((s, f) => s + f.clientY, 0) / t.length });
  view.addEventListener("touchstart", e => { fingers = { at: middle(e.touches), far: e.touches.length > 1 ? spread(e.touches) : 0 }; moved = false; }, { passive: true });
  view.addEventListener("touchmove", e => {
    const p = shown();
    if (!fingers || e.touches.length < 2 && !zoomed(p)) return;
    e.preventDefault();
    const at = middle(e.touches), r = p.svg.getBoundingClientRect(), far = e.touches.length > 1 ? spread(e.touches) : 0;
    if (Math.hypot(at.x - fingers.at.x, at.y - fingers.at.y) > 4 || far) moved = true;
    look(p, { ...p.now, x: p.now.x - (at.x - fingers.at.x) / r.width * p.now.width, y: p.now.y - (at.y - fingers.at.y) / r.height * p.now.height });
    if (far && fingers.far) zoom(p, far / fingers.far, point(p, at.x, at.y));
    fingers = { at, far };
  }, { passive: false });
  let held;
  view.addEventListener("pointerdown", e => { if (e.pointerType === "mouse" && e.button === 0 && zoomed(shown())) { held = { x: e.clientX, y: e.clientY }; moved = false; } });
  addEventListener("pointermove", e => {
    if (!held) return;
    const p = shown(), r = p.svg.getBoundingClientRect();
    if (Math.hypot(e.clientX - held.x, e.clientY - held.y) > 3) moved = true;
    look(p, { ...p.now, x: p.now.x - (e.clientX - held.x) / r.width * p.now.width, y: p.now.y - (e.clientY - held.y) / r.height * p.now.height });
    held = { x: e.clientX, y: e.clientY };
  });
  addEventListener("pointerup", () => { held = undefined; });
  view.addEventListener("dragstart", e => { if (zoomed(shown())) e.preventDefault(); });

  // The card and the lines of what is chosen.
  let chosen;
  function clear() {
    chosen = undefined;
    card.hidden = true;
    for (const p of pictures) {
      p.svg.classList.remove("chosen");
      p.svg.querySelector(".drawn").replaceChildren();
      for (const el of p.svg.querySelectorAll(".on")) el.classList.remove("on");
    }
  }
  function choose(a, withCard) {
    if (a === chosen && !(withCard && card.hidden)) return;
    clear();
    chosen = a;
    const p = pictures.find(p => p.svg.contains(a)), svg = p.svg;
    a.classList.add("on");
    svg.classList.add("chosen");
    if (a.classList.contains("head")) {
      const g = a.parentElement.dataset.g;
      for (const el of a.parentElement.querySelectorAll("a.thing")) el.classList.add("on");
      for (const el of svg.querySelectorAll(`.road[data-gfrom="${g}"], .road[data-gto="${g}"]`)) el.classList.add("on");
      return;
    }
    const i = a.dataset.i, li = about(i);
    for (const el of svg.querySelectorAll(`.road[data-from="${i}"], .road[data-to="${i}"]`)) el.classList.add("on");
    const inner = svg.querySelector('.road:not([data-from="-1"])');
    for (const end of li ? li.querySelectorAll("[data-tied]") : []) {
      const other = svg.querySelector(`a.thing[data-i="${end.dataset.tied}"]`);
      const target = other || svg.querySelector(`.region[data-g="${about(end.dataset.tied)?.dataset.g}"] .ground`);
      if (!target) continue;
      target.classList.add("on");
      if (!inner) line(svg, a, target);
    }
    if (!withCard || !li) return;
    const open = document.createElement("a");
    open.className = "button primary"; open.href = a.getAttribute("href"); open.textContent = "Open";
    const close = document.createElement("button");
    close.type = "button"; close.className = "quiet icon"; close.setAttribute("aria-label", "Close"); close.textContent = "×";
    close.addEventListener("click", clear);
    card.replaceChildren(...[...li.cloneNode(true).childNodes], open, close);
    card.hidden = false;
  }
  function line(svg, a, b) {
    const s = a.querySelector("rect").getBBox(), t = (b.querySelector?.("rect") || b).getBBox();
    const from = [s.x + s.width / 2, s.y + s.height / 2], to = [t.x + t.width / 2, t.y + t.height / 2];
    const path = document.createElementNS(ns, "path"), bend = (to[1] - from[1]) / 2;
    path.setAttribute("d", `M${from}C${from[0]} ${from[1] + bend} ${to[0]} ${to[1] - bend} ${to}`);
    svg.querySelector(".drawn").append(path);
  }
  let touched = false;
  view.addEventListener("pointerdown", e => { touched = e.pointerType !== "mouse"; }, true);
  view.addEventListener("click", e => {
    const a = e.target.closest("a.thing, a.head");
    if (moved) { e.preventDefault(); moved = false; return; }
    if (!a) { clear(); return; }
    // A finger cannot hover: the first touch shows the card, which leads on.
    if (touched && a.classList.contains("thing")) { e.preventDefault(); choose(a, true); }
  });
  let wait;
  view.addEventListener("pointerover", e => {
    const a = e.target.closest("a.thing, a.head");
    clearTimeout(wait);
    if (e.pointerType !== "mouse") return;
    if (a) wait = setTimeout(() => choose(a, true), 90);
    else if (!view.contains(document.activeElement)) wait = setTimeout(clear, 250);
  });
  view.addEventListener("pointerleave", e => { clearTimeout(wait); if (e.pointerType === "mouse" && !view.contains(document.activeElement) && !card.matches(":hover")) wait = setTimeout(() => card.matches(":hover") || clear(), 300); });
  view.addEventListener("focusin", e => {
    const a = e.target.closest("a.thing, a.head");
    if (!a || touched) return;
    into(shown(), a);
    choose(a, true);
  });

  // Arrow keys go to the nearest in their direction.
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function step(from, [dx, dy]) {
    const at = el => { const b = el.querySelector("rect").getBBox(); return { x: b.x + b.width / 2, y: b.y + b.height / 2, w: b.width / 2, h: b.height / 2 }; };
    const a = at(from);
    let best, least = Infinity;
    for (const el of stops(shown())) {
      if (el === from) continue;
      const b = at(el), along = dx * (b.x - a.x) + dy * (b.y - a.y);
      // Beside the way counts from edge to edge: a wide one above is right above.
      const gap = dx ? Math.max(0, Math.abs(b.y - a.y) - b.h) : Math.max(0, Math.abs(b.x - a.x) - b.w);
      if (along < (dx ? a.w : a.h)) continue; // within the width of this one it is not beside it
      const cost = along + 3 * gap;
      if (cost < least) { least = cost; best = el; }
    }
    return best;
  }
  view.addEventListener("keydown", e => {
    const on = e.target.closest("a.thing, a.head");
    touched = false;
    if (on && arrows[e.key]) {
      e.preventDefault();
      step(on, arrows[e.key])?.focus();
    }
    if (on && (e.key === "Home" || e.key === "End")) {
      e.preventDefault();
      stops(shown()).at(e.key === "Home" ? 0 : -1)?.focus();
    }
    if (e.key === "Escape") {
      clear();
      zoom(shown(), 0);
      document.querySelector("#map-list summary").focus();
    }
  });
  view.tabIndex = 0; // the map itself is a place to come to; an arrow leads in
  view.addEventListener("keydown", e => {
    if (e.target === view && (arrows[e.key] || e.key === "Enter")) {
      e.preventDefault();
      const all = stops(shown());
      (all.find(a => a.classList.contains("sick")) || all[0])?.focus();
    }
  });

  // Finding: what does not match is faint.
  const matches = () => [...shown().svg.querySelectorAll("a.thing:not(.dim)")];
  function find() {
    const text = field.value.trim().toLowerCase();
    for (const p of pictures) {
      p.svg.classList.toggle("finding", text !== "");
      for (const a of p.svg.querySelectorAll("a.thing, a.head")) {
        const li = a.dataset.i && about(a.dataset.i);
        const held = (a.getAttribute("aria-label") + " " + (li ? li.querySelector(".named").textContent : "")).toLowerCase();
        a.classList.toggle("dim", text !== "" && !held.includes(text));
      }
    }
    const n = matches().length;
    say.textContent = text === "" ? hint : n === 0 ? "Nothing here has that in its name." : n === 1 ? "One found. Enter goes there." : n + " found. Enter goes to the first.";
  }
  field.addEventListener("input", find);
  field.addEventListener("keydown", e => {
    if (e.key === "Enter" || e.key === "ArrowDown") { e.preventDefault(); touched = false; matches()[0]?.focus(); }
    if (e.key === "Escape") { field.value = ""; find(); view.focus(); }
  });
  addEventListener("keydown", e => { // before the palette hears of it
    if (e.key === "/" && !e.ctrlKey && !e.metaKey && !e.target.closest?.("input, textarea, select, dialog")) { e.preventDefault(); e.stopPropagation(); field.focus(); field.select(); }
    if (e.key === "Escape" && !card.hidden && !view.contains(e.target)) clear();
  }, true);
})();
