// Draws the plots, and reloads parts of a page when the worker reports a change. Without
// this script a page is complete, but does not update itself, and has no plots.
"use strict";

(() => {
  const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Plots. The data of each is the JSON in data-plot, see plot.go.
  const drawn = new Map(); // element: {plot, observer}

  const height = data => data.dates || data.months ? 170 : 120;
  const day = seconds => new Date(seconds * 1000).toISOString().slice(0, 10);

  function options(data, width) {
    const axis = {
      stroke: style("--ink-2"), font: "11px system-ui, sans-serif",
      grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1, size: 4 },
    };
    const value = data.dates ? (u, v) => v == null ? "–" : day(v)
      : (u, v) => v == null ? "–" : v.toLocaleString("en") + (data.unit ? " " + data.unit : "");
    return {
      width, height: height(data), tzDate: ts => uPlot.tzDate(new Date(ts * 1e3), "UTC"),
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      legend: { live: true },
      scales: { y: data.dates ? { range: (u, min, max) => [min - 3 * 86400, max + 3 * 86400] } : { range: (u, min, max) => [0, Math.max(1, max * 1.1)] } },
      axes: [
        data.months ? { ...axis, space: 60, splits: () => data.x, values: (u, splits) => splits.map(v => day(v).slice(0, 7)) } : { ...axis, values: [[86400, "{MM}-{DD}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", "\n{MM}-{DD}", null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
        { ...axis, space: 22, size: data.dates ? 76 : 52, values: data.dates ? (u, splits) => splits.map(day) : (u, splits) => splits.map(v => v.toLocaleString("en")) },
      ],
      series: [
        { label: data.months ? "Month" : "Time", value: (u, v) => v == null ? "–" : data.months ? day(v).slice(0, 7) : new Date(v * 1000).toISOString().slice(0, 16).replace("T", " ") },
        ...data.series.map(s => ({
          width: 1.5,
          label: s.label, value, stroke: style("--series-" + s.color), spanGaps: false,
          fill: data.bars ? style("--series-" + s.color) : undefined,
          paths: data.bars ? uPlot.paths.bars({ size: [0.7, 12], align: 1 }) : undefined,
          points: { show: Boolean(data.months), size: 5 },
        })),
      ],
    };
  }

  function draw(element) {
    if (drawn.has(element)) return;
    const data = JSON.parse(element.dataset.plot);
    element.textContent = "";
    const plot = new uPlot(options(data, Math.max(200, element.clientWidth)), [data.x, ...data.series.map(s => s.y)], element);
    const observer = new ResizeObserver(() => plot.setSize({ width: Math.max(200, element.clientWidth), height: height(data) }));
    observer.observe(element);
    drawn.set(element, { plot, observer });
  }

  function drawAll() {
    for (const [element, { plot, observer }] of drawn) {
      if (element.isConnected) continue;
      observer.disconnect();
      plot.destroy();
      drawn.delete(element);
    }
    document.querySelectorAll("[data-plot]").forEach(draw);
  }

  // Updates: while the page is visible, a stream of events says when something changed; then the
  // part with data-refresh is reloaded, unless the user is working in it.
  let stream = null, pending = false, last = 0;
  const least = 2000; // ms between two updates

  function busy(part) {
    const at = document.activeElement;
    return part.contains(at) && at !== part || part.querySelector("details[open]") !== null || !document.getSelection().isCollapsed;
  }

  async function refresh() {
    pending = false;
    const part = document.querySelector("[data-refresh]");
    if (!part || document.hidden) return;
    if (busy(part)) return later();
    last = Date.now();
    await htmx.ajax("GET", location.pathname + location.search, { target: part, select: "#" + part.id, swap: "outerHTML" });
  }

  function later() {
    if (pending) return;
    pending = true;
    setTimeout(refresh, Math.max(0, last + least - Date.now()));
  }

  function connect() {
    const state = document.getElementById("live-state");
    if (document.hidden || !document.querySelector("[data-refresh]")) {
      if (stream) stream.close();
      stream = null;
      state.hidden = true;
      return;
    }
    if (stream) return;
    stream = new EventSource(document.body.dataset.live);
    stream.onopen = () => { state.hidden = false; };
    stream.onerror = () => { state.hidden = true; };
    stream.addEventListener("change", later);
  }

  document.addEventListener("DOMContentLoaded", () => {
    drawAll();
    connect();
    document.addEventListener("visibilitychange", () => { connect(); if (!document.hidden) later(); });
    document.body.addEventListener("htmx:afterSettle", drawAll);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const [element, { plot, observer }] of drawn) { observer.disconnect(); plot.destroy(); drawn.delete(element); }
      drawAll();
    });
  });
})();
