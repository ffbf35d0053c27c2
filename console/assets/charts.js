// Charts: each board is one time axis over several charts, with one crosshair,
// one zoom and the same marks. The data comes from the page's own addresses.
"use strict";
(() => {
  const colours = ["#2b7bba", "#d9822b", "#2a9d78", "#b0569f", "#8a7a1f", "#5b6ee1", "#c2504a", "#6b8794"];
  const dashes = [[], [6, 3], [2, 3], [8, 3, 2, 3], [], [6, 3], [2, 3], [8, 3, 2, 3]];
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // light-dark() is not resolved in a custom property: ask an element.
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  function colour(name) { probe.className = ""; probe.style.color = "var(" + name + ")"; return getComputedStyle(probe).color; }

  const trim = s => s.includes(".") ? s.replace(/\.?0+$/, "") : s;
  function digits(v) {
    const a = Math.abs(v);
    if (a === 0) return "0";
    if (a < 0.01) return Number(v.toPrecision(1)).toString();
    if (a < 1) return trim(v.toFixed(2));
    if (a < 10) return trim(v.toFixed(1));
    return v.toFixed(0);
  }
  function scaled(v, base, units) {
    let i = 0;
    while (Math.abs(v) >= base && i < units.length - 1) { v /= base; i++; }
    return (digits(v) + " " + units[i]).trim();
  }
  function figure(v, unit) {
    if (v == null) return "–";
    const a = Math.abs(v);
    switch (unit) {
    case "ratio": return digits(v * 100) + " %";
    case "bytes": return scaled(v, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
    case "bytes/s": return scaled(v, 1000, ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"]);
    case "1/s": return scaled(v, 1000, ["/s", "k/s", "M/s", "G/s"]);
    case "cores": return digits(v) + (a <= 1 && a > 0 ? " core" : " cores");
    case "seconds":
      if (a === 0) return "0 s";
      if (a < 1e-3) return digits(v * 1e6) + " µs";
      if (a < 1) return digits(v * 1e3) + " ms";
      if (a < 120) return digits(v) + " s";
      if (a < 7200) return digits(v / 60) + " min";
      if (a < 172800) return digits(v / 3600) + " h";
      return digits(v / 86400) + " days";
    case "": case "count": return a >= 10000 ? scaled(v, 1000, ["", "k", "M", "G"]) : digits(v);
    default: return digits(v) + " " + unit;
    }
  }
  // Round steps of the axis, in the unit that people count in.
  function increments(unit) {
    const out = [];
    const base = unit === "bytes" ? 1024 : 1000;
    for (let e = -9; e <= 5; e++) for (const m of [1, 2, 5]) out.push(m * 10 ** e);
    if (unit === "bytes") { out.length = 0; for (let p = 0; p < 6; p++) for (const m of [1, 2, 5, 10, 20, 50, 100, 200, 500]) out.push(m * base ** p); }
    else if (unit === "seconds") { const small = out.filter(x => x <= 30); out.length = 0; out.push(...small, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 432000, 864000, 1728000, 4320000, 8640000, 17280000); }
    else for (let e = 6; e <= 12; e++) for (const m of [1, 2, 5]) out.push(m * 10 ** e);
    return out;
  }
  const two = n => String(n).padStart(2, "0");
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  function stamps(_, splits, __, ___, step) {
    let day = null;
    return splits.map(s => {
      const t = new Date(s * 1000), d = t.getDate() + " " + months[t.getMonth()];
      if (step >= 86400) return d;
      const time = two(t.getHours()) + ":" + two(t.getMinutes()) + (step < 60 ? ":" + two(t.getSeconds()) : "");
      const fresh = day !== null && day !== d;
      day = d;
      return fresh ? d : time;
    });
  }

  class Board {
    constructor(el) {
      this.el = el;
      this.key = "board" + Math.random();
      this.from = +el.dataset.from; this.to = +el.dataset.to; this.last = el.dataset.last;
      this.width = this.to - this.from;
      this.wider = [];
      this.marks = [];
      this.charts = [...el.querySelectorAll("[data-chart]")].map(f => new Chart(f, this));
      this.back = document.querySelector("[data-zoom-out]");
      this.back?.addEventListener("click", () => this.zoomOut());
      if (this.last) setInterval(() => { if (!document.hidden && this.last) this.follow(); }, 15000);
      document.addEventListener("themed", () => this.charts.forEach(c => c.draw()));
      new ResizeObserver(() => { clearTimeout(this.resizing); this.resizing = setTimeout(() => this.charts.forEach(c => c.size()), 80); }).observe(el);
      this.load();
    }
    query() { return "from=" + Math.floor(this.from) + "&to=" + Math.ceil(this.to); }
    async load() {
      const marks = this.el.dataset.marks;
      if (marks) {
        try {
          const r = await fetch(marks + (marks.includes("?") ? "&" : "?") + this.query());
          if (r.ok) this.marks = await r.json();
        } catch { /* the charts stand without marks */ }
      }
      this.charts.forEach(c => c.load());
    }
    follow() {
      this.to = Date.now() / 1000;
      this.from = this.to - this.width;
      this.load();
    }
    zoom(from, to) {
      if (to - from < 60) return;
      this.wider.push([this.from, this.to, this.last]);
      this.from = from; this.to = to; this.last = "";
      this.moved();
    }
    zoomOut() {
      const w = this.wider.pop();
      if (!w) return;
      [this.from, this.to, this.last] = w;
      this.moved();
    }
    moved() {
      const u = new URL(location.href);
      u.searchParams.delete("last"); u.searchParams.delete("from"); u.searchParams.delete("to");
      if (this.last) u.searchParams.set("last", this.last);
      else { u.searchParams.set("from", Math.floor(this.from)); u.searchParams.set("to", Math.ceil(this.to)); }
      history.replaceState(null, "", u);
      for (const a of document.querySelectorAll(".ranges [data-last]")) {
        if (a.dataset.last === this.last) a.setAttribute("aria-current", "true"); else a.removeAttribute("aria-current");
      }
      if (this.back) this.back.hidden = !this.wider.length;
      this.load();
    }
  }

  class Chart {
    constructor(el, board) {
      this.el = el; this.board = board;
      this.plot = el.querySelector(".plot");
      this.plot.replaceChildren();
      this.legend = document.createElement("div");
      this.legend.className = "legend";
      this.plot.after(this.legend);
      this.plot.setAttribute("role", "img");
      this.plot.setAttribute("aria-label", el.querySelector("figcaption").innerText.trim());
    }
    async load() {
      const points = Math.max(60, Math.min(600, Math.round(this.plot.clientWidth / 2)));
      const extra = this.el.dataset.query ? "&" + this.el.dataset.query : "";
      const asked = ++this.asked || (this.asked = 1);
      let data;
      try {
        const r = await fetch(this.el.dataset.chart + ".json?" + this.board.query() + "&points=" + points + extra);
        data = await r.json();
      } catch { data = { problem: "Evenkeel does not answer." }; }
      if (asked !== this.asked) return;
      if (data.problem || !data.series?.length) { this.say(data.problem || "No data in this range of time."); return; }
      this.data = data;
      this.draw();
    }
    say(text) {
      this.u?.destroy(); this.u = null; this.data = null;
      const p = document.createElement("p");
      p.className = "none"; p.textContent = text;
      this.plot.replaceChildren(p);
      this.legend.replaceChildren();
      this.el.classList.add("still");
    }
    size() { if (this.u && this.plot.clientWidth) this.u.setSize({ width: this.plot.clientWidth, height: 184 }); }

    // rows are the values as drawn: summed up where they stack.
    rows() {
      const d = this.data, sum = new Array(d.times.length).fill(0);
      return d.series.map(s => s.values.map((v, i) => {
        if (v == null) return null;
        if (d.stack) return sum[i] += v;
        return s.half ? -v : v;
      }));
    }
    draw() {
      const d = this.data;
      if (!d || !this.plot.clientWidth) return;
      const rows = this.rows(), mute = colour("--mute"), line = colour("--line"), now = colour("--now"), usual = colour("--steady"), deep = colour("--deep");
      const paint = (s, i) => s.faint ? mute : colours[i % colours.length];
      const self = this;
      let most = 0, least = 0;
      for (const r of rows) for (const v of r) if (v != null) { most = Math.max(most, v); least = Math.min(least, v); }
      for (const ref of [d.limit, d.usual]) if (ref != null && ref < 3 * most) most = Math.max(most, ref);
      most = most * 1.08 || 1; least *= 1.08;
      if (d.most && most > d.most) most = d.most;
      const opts = {
        width: this.plot.clientWidth, height: 184, padding: [8, 6, 0, 0],
        legend: { show: false },
        cursor: {
          // Only the chart under the mouse selects: each that did would zoom again.
          sync: { key: this.board.key, setSeries: false, filters: { pub: kind => kind !== "mousedown" && kind !== "mouseup" } }, y: false,
          drag: { x: true, y: false, setScale: false },
          points: { size: 6 },
        },
        scales: { x: { time: true, range: () => [this.board.from, this.board.to] }, y: { range: () => [least, most] } },
        axes: [
          { stroke: mute, grid: { stroke: line, width: 1 }, ticks: { show: false }, values: stamps, font: "12px system-ui", size: 26, space: 64 },
          { stroke: mute, grid: { stroke: line, width: 1 }, ticks: { show: false }, values: (_, v) => v.map(x => figure(Math.abs(x), d.unit)), font: "12px system-ui", size: 64, gap: 6, space: 28, incrs: increments(d.unit) },
        ],
        series: [{}, ...d.series.map((s, i) => ({
          label: s.name, stroke: paint(s, i), width: s.faint || d.stack ? 1 : 1.6,
          dash: d.stack ? [] : dashes[i % dashes.length],
          fill: d.stack ? paint(s, i) + (s.faint ? "" : "59") : undefined, points: { show: this.lonely(rows[i]), size: 4 },
        }))],
        bands: d.stack ? d.series.slice(1).map((_, i) => ({ series: [i + 2, i + 1] })) : [],
        hooks: {
          drawClear: [u => this.shade(u, deep)],
          draw: [u => { this.line(u, d.limit, now, []); this.line(u, d.usual, usual, [5, 4]); this.drawMarks(u, mute); }],
          setCursor: [u => this.read(u.cursor.idx)],
          setSelect: [u => {
            if (u.select.width < 4) return;
            const from = u.posToVal(u.select.left, "x"), to = u.posToVal(u.select.left + u.select.width, "x");
            u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            self.board.zoom(from, to);
          }],
        },
      };
      for (const [i, s] of d.series.entries()) if (s.faint) { const o = opts.series[i + 1]; o.fill = undefined; o.stroke = mute; }
      this.el.classList.remove("still");
      this.u?.destroy();
      this.plot.replaceChildren();
      this.u = new uPlot(opts, [d.times, ...rows], this.plot);
      this.el.dataset.drawn = d.series.length;
      this.keys(paint);
    }
    // lonely tells that a row has points without neighbours: a line would not show them.
    lonely(row) { return row.some((v, i) => v != null && row[i - 1] == null && row[i + 1] == null); }
    keys(paint) {
      const d = this.data;
      this.values = [];
      const keys = d.series.map((s, i) => {
        const key = document.createElement("span"), name = document.createElement("span"), value = document.createElement("b");
        key.className = "key";
        const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        svg.setAttribute("viewBox", "0 0 14 8"); svg.setAttribute("aria-hidden", "true");
        path.setAttribute("d", d.stack ? "M0 1h14v6H0z" : "M0 4h14");
        path.setAttribute(d.stack ? "fill" : "stroke", paint(s, i));
        if (!d.stack) { path.setAttribute("stroke-width", 2.5); path.setAttribute("stroke-dasharray", dashes[i % dashes.length].join(" ")); }
        svg.append(path);
        name.textContent = name.title = s.name;
        key.append(svg, name, value);
        this.values.push(value);
        return key;
      });
      this.legend.replaceChildren(...keys);
      this.read(null);
    }
    // read shows the values under the crosshair, or the last ones.
    read(i) {
      const d = this.data;
      if (!d || !this.values) return;
      d.series.forEach((s, n) => {
        let at = i;
        if (at == null) { at = s.values.length - 1; while (at > 0 && s.values[at] == null && at > s.values.length - 4) at--; }
        this.values[n].textContent = figure(s.values[at], d.unit);
      });
    }
    line(u, v, stroke, dash) {
      if (v == null) return;
      const y = u.valToPos(v, "y", true), { left, top, width, height } = u.bbox, c = u.ctx;
      if (y < top || y > top + height) return;
      c.save(); c.strokeStyle = stroke; c.lineWidth = 1.5 * devicePixelRatio; c.setLineDash(dash.map(x => x * devicePixelRatio));
      c.beginPath(); c.moveTo(left, y); c.lineTo(left + width, y); c.stroke(); c.restore();
    }
    shade(u, fill) {
      const { left, top, width, height } = u.bbox, c = u.ctx;
      for (const m of this.board.marks) {
        if (!m.to) continue;
        const a = Math.max(left, u.valToPos(m.from, "x", true)), b = Math.min(left + width, u.valToPos(m.to, "x", true));
        if (b <= a) continue;
        c.save(); c.globalAlpha = 0.07; c.fillStyle = fill; c.fillRect(a, top, b - a, height); c.restore();
      }
    }
    drawMarks(u, stroke) {
      const { left, top, width, height } = u.bbox, c = u.ctx, r = devicePixelRatio;
      for (const m of this.board.marks) {
        if (m.to) continue;
        const x = Math.round(u.valToPos(m.from, "x", true));
        if (x < left || x > left + width) continue;
        c.save(); c.strokeStyle = stroke; c.fillStyle = stroke; c.lineWidth = r; c.setLineDash([2 * r, 3 * r]);
        c.beginPath(); c.moveTo(x, top); c.lineTo(x, top + height); c.stroke();
        c.beginPath(); c.moveTo(x - 4 * r, top - 5 * r); c.lineTo(x + 4 * r, top - 5 * r); c.lineTo(x, top + r); c.fill(); c.restore();
      }
    }
  }

  for (const el of document.querySelectorAll("[data-board]")) new Board(el);
})();
