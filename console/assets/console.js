// What moves on the pages beyond htmx: the theme, times in the reader's zone,
// the palette, live updates. Everything can be read without it.
"use strict";
(() => {
  const root = document.documentElement;
  root.dataset.js = "";
  const saved = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  if (saved === "light" || saved === "dark") root.dataset.theme = saved;

  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const themed = () => document.dispatchEvent(new Event("themed"));
  function toggleTheme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private mode: for this page only */ }
    themed();
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themed);

  // Times: the server writes them in its own zone; the reader's counts.
  function span(s) {
    s = Math.abs(s);
    if (s < 60) return Math.floor(s) + " s";
    if (s < 3600) return Math.floor(s / 60) + " min";
    if (s < 36000) { const m = Math.floor(s / 60) % 60; return Math.floor(s / 3600) + " h" + (m ? " " + m + " min" : ""); }
    if (s < 172800) return Math.floor(s / 3600) + " h";
    return Math.floor(s / 86400) + " days";
  }
  const two = n => String(n).padStart(2, "0");
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  function clock(t) {
    const now = new Date(), time = two(t.getHours()) + ":" + two(t.getMinutes());
    if (t.toDateString() === now.toDateString()) return time;
    const day = t.getDate() + " " + months[t.getMonth()];
    return t.getFullYear() === now.getFullYear() ? day + " " + time : day + " " + t.getFullYear() + " " + time;
  }
  function times(within) {
    for (const el of within.querySelectorAll("time[datetime]")) {
      const t = new Date(el.dateTime);
      if (isNaN(t)) continue;
      if (!el.hasAttribute("data-ago")) { el.textContent = clock(t); continue; }
      const s = (Date.now() - t) / 1000;
      el.textContent = s < 0 ? "in " + span(s) : s < 5 ? "just now" : span(s) + " ago";
    }
  }

  // Charts are only on some pages: their scripts are fetched where they are.
  function script(src) {
    return new Promise((done, failed) => {
      const s = document.createElement("script");
      s.src = src; s.onload = done; s.onerror = failed;
      document.head.append(s);
    });
  }
  async function map() {
    const stage = document.querySelector("[data-map]");
    if (stage) await script(stage.dataset.map);
  }
  async function charts() {
    if (!document.querySelector("[data-board]")) return;
    await script(root.dataset.plot);
    await script(root.dataset.charts);
  }

  function forms(within) {
    for (const el of within.querySelectorAll("[data-offset]")) el.value = -new Date().getTimezoneOffset();
    for (const el of within.querySelectorAll("[data-zone]")) el.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone || "";
    for (const el of within.querySelectorAll("[data-until]")) {
      const date = el.form.elements.date;
      const show = () => { date.hidden = el.value !== "date"; date.required = el.value === "date"; };
      el.addEventListener("change", show);
      show();
    }
    for (const el of within.querySelectorAll("[data-absolute]")) el.value = new URL(el.value, location.href).href;
    // A one-time link carries its secret behind the #, where no server log sees it.
    for (const el of within.querySelectorAll("[data-fragment]")) {
      const field = document.createElement("input");
      field.type = "hidden"; field.name = "secret"; field.value = decodeURIComponent(location.hash.slice(1));
      el.replaceWith(field);
      history.replaceState(null, "", location.pathname);
    }
  }

  // The palette: type, arrows, Enter.
  let palette, wasFocused;
  function openPalette() {
    if (!palette || palette.open) return;
    wasFocused = document.activeElement;
    palette.showModal();
    const input = palette.querySelector("input");
    input.select();
    if (window.htmx) htmx.trigger(document.body, "palette");
  }
  const options = () => [...palette.querySelectorAll("[role=option]")];
  function choose(step) {
    const all = options();
    if (!all.length) return;
    const at = all.findIndex(o => o.getAttribute("aria-selected") === "true");
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length;
    all.forEach((o, i) => { o.id = "hit" + i; o.setAttribute("aria-selected", i === next); });
    all[next].scrollIntoView({ block: "nearest" });
    palette.querySelector("input").setAttribute("aria-activedescendant", all[next].id);
  }
  function paletteKeys(e) {
    if (e.key === "ArrowDown") { e.preventDefault(); choose(1); }
    if (e.key === "ArrowUp") { e.preventDefault(); choose(-1); }
    if (e.key === "Enter") {
      const o = palette.querySelector("[aria-selected=true]") || options()[0];
      if (o) { e.preventDefault(); location.href = o.href; }
    }
  }

  // Live: the server says that a finding has changed; where it cannot be
  // heard, the pages ask by themselves every 15 seconds.
  function live() {
    const say = document.getElementById("live");
    if (!document.querySelector("[data-live]") || !window.EventSource) return;
    let timer;
    const hint = () => { clearTimeout(timer); timer = setTimeout(() => window.htmx && htmx.trigger(document.body, "findings"), 400); };
    const source = new EventSource("/api/v1/events");
    source.onmessage = hint;
    for (const kind of ["finding", "findings", "change", "lost"]) source.addEventListener(kind, hint);
    source.onopen = () => { say.textContent = "Live"; };
    source.onerror = () => {
      say.textContent = "Not live: asking every 15 seconds";
      if (source.readyState === EventSource.CLOSED) setInterval(hint, 15000);
    };
    addEventListener("pagehide", () => source.close());
  }

  document.addEventListener("click", e => {
    const on = s => e.target.closest(s);
    if (on("[data-theme-toggle]")) toggleTheme();
    if (on("[data-palette]")) { e.preventDefault(); openPalette(); }
    if (on("[data-palette-close]") || e.target === palette) palette.close();
    const copy = on("[data-copy]");
    if (copy) {
      const field = copy.parentElement.querySelector("input");
      field.select();
      navigator.clipboard?.writeText(field.value).then(() => { copy.textContent = "Copied"; });
    }
    for (const d of document.querySelectorAll(".who[open], .custom[open]")) if (!d.contains(e.target)) d.open = false;
  });
  document.addEventListener("keydown", e => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { e.preventDefault(); openPalette(); return; }
    if (e.key === "/" && !e.target.closest("input, textarea, select")) { e.preventDefault(); openPalette(); return; }
    if (palette && palette.open) paletteKeys(e);
    if (e.key === "Escape") for (const d of document.querySelectorAll(".who[open], .custom[open]")) { d.open = false; d.querySelector("summary").focus(); }
  });

  document.addEventListener("DOMContentLoaded", () => {
    palette = document.getElementById("palette");
    palette?.addEventListener("close", () => wasFocused && wasFocused.focus());
    times(document);
    forms(document);
    charts();
    map();
    live();
    setInterval(() => times(document), 15000);
  });
  // A refreshed part keeps what the reader had opened, and gets its times.
  const opened = new Set();
  document.addEventListener("htmx:beforeSwap", e => {
    if (e.detail.xhr && (e.detail.xhr.status === 401 || e.detail.xhr.status === 403)) { location.reload(); }
    opened.clear();
    for (const d of document.querySelectorAll("details[id][open]")) opened.add(d.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) { const d = document.getElementById(id); if (d) d.open = true; }
    const title = document.querySelector("#now h1");
    if (title) document.title = title.textContent.replace(/\.$/, "") + " · Evenkeel";
    times(document);
  });
})();
