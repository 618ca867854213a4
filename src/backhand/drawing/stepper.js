"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const figure = document.getElementById("figure");
  const slider = document.getElementById("slider");
  const count = document.getElementById("count");
  const panel = document.getElementById("step");
  const all = (selector) => [...figure.querySelectorAll(selector)];
  let scene = data.first;
  let at = 0; // 0 is the whole figure, with every value; step k is steps()[k - 1]
  let zoom = 0; // 0: chosen from the width of the page

  const steps = () => data.scenes[scene].steps;
  const boxOf = (step) => step.slice(2);

  function show() {
    const key = at ? steps()[at - 1] : "";
    const done = new Set(steps().slice(0, at));
    const backward = key.startsWith("b-");
    for (const box of all("[data-id]:not(.link):not(.frame)")) {
      const id = box.dataset.id;
      const waits = at && steps().includes("f-" + id) && !done.has("f-" + id);
      box.classList.toggle("waits", Boolean(waits));
      box.classList.toggle("now", at > 0 && id === boxOf(key));
    }
    for (const link of all(".link")) {
      const { from, to } = link.dataset;
      const reached = !at || !steps().includes("f-" + from) || done.has("f-" + from);
      const flowed = !at || done.has("b-" + to) || (backward && to.startsWith("r"));
      link.classList.toggle("waits", !reached);
      link.classList.toggle("dry", !flowed);
      link.classList.toggle("now", at > 0 && (to === boxOf(key) || from === boxOf(key)));
    }
    slider.max = steps().length;
    slider.value = at;
    slider.setAttribute("aria-valuetext", at ? `Step ${at} of ${steps().length}` : "Whole figure");
    count.textContent = at ? `${at} / ${steps().length}` : `${steps().length} steps`;
    panel.innerHTML = at ? data.html[key] : overview();
    for (const button of document.querySelectorAll("[data-go]")) {
      const back = button.dataset.go === "first" || button.dataset.go === "back";
      button.setAttribute("aria-disabled", String(back ? at === 0 : at === steps().length));
    }
    const now = figure.querySelector("[data-id].now:not(.link)");
    if (now) keepInView(now);
  }

  function overview() {
    const layers = figure.querySelector(".layer, .frame") ? " Choose a layer to look inside it." : "";
    return `<h2>The whole figure</h2><p class="note">Press Next, or the right arrow key, to walk through it:
      forward from left to right, then backward. Choose a node to go to its step.${layers}</p>`;
  }

  function keepInView(box) {
    const inner = box.getBoundingClientRect();
    const outer = figure.getBoundingClientRect();
    if (inner.left < outer.left || inner.right > outer.right) {
      figure.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
    }
    if (inner.top < outer.top || inner.bottom > outer.bottom) {
      figure.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
    }
  }

  function go(to) {
    at = Math.max(0, Math.min(steps().length, to));
    show();
  }

  function open(name) {
    if (!(name in data.scenes) || name === scene) return;
    const key = at ? steps()[at - 1] : "";
    scene = name;
    figure.innerHTML = data.scenes[scene].svg;
    prepare();
    go(key ? 1 + sameStep(key) : 0);
  }

  // The step of the box that shows the same node after layers were opened or closed.
  function sameStep(key) {
    const way = key.slice(0, 2);
    const box = boxOf(key);
    const fits = (step) => step === key || step === way + data.home[box] || (step.startsWith(way) && data.home[boxOf(step)] === box);
    return steps().findIndex(fits);
  }

  function choose(id, kind) {
    if (kind === "layer") open(id in data.scenes ? id : scene);
    else if (kind === "frame") open(scene === id ? "none" : id);
    else {
      const way = at && steps()[at - 1].startsWith("b-") && steps().includes("b-" + id) ? "b-" : "f-";
      go(1 + steps().indexOf(way + id));
    }
  }

  function prepare() {
    resize();
    for (const box of all(".op, .layer, .frame")) {
      const kind = box.classList[0];
      const opens = (kind === "layer" && box.dataset.id in data.scenes) || kind === "frame";
      if (kind === "layer" && !opens) continue;
      box.setAttribute("tabindex", "0");
      box.setAttribute("role", "button");
      if (opens) box.setAttribute("aria-expanded", String(kind === "frame"));
      const title = box.querySelector("title");
      box.setAttribute("aria-label", title ? title.textContent : box.textContent);
    }
  }

  function resize() {
    const svg = figure.querySelector("svg");
    const natural = svg.viewBox.baseVal.width;
    const fit = (figure.clientWidth - 2) / natural;
    const scale = zoom || Math.max(0.8, Math.min(fit, 1.6)); // what is wider than that scrolls: small print helps nobody
    svg.setAttribute("width", natural * scale);
    svg.setAttribute("height", svg.viewBox.baseVal.height * scale);
    return scale;
  }

  figure.addEventListener("click", (event) => {
    const box = event.target.closest(".op, .layer, .frame");
    if (box) choose(box.dataset.id, box.classList[0]);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: steps().length };
    const box = event.target.closest ? event.target.closest("#figure [role=button]") : null;
    if (event.key in moves) {
      event.preventDefault();
      go(moves[event.key]);
    } else if (box && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      const id = box.dataset.id;
      choose(id, box.classList[0]);
      const same = figure.querySelector(`[data-id="${id}"]`);
      if (same) same.focus();
    }
  });
  document.querySelector(".controls").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.go) go({ first: 0, back: at - 1, next: at + 1, last: steps().length }[button.dataset.go]);
    if (button.dataset.layers) open(button.dataset.layers);
    if (button.dataset.zoom) {
      zoom = Math.max(0.2, Math.min(4, resize() * Number(button.dataset.zoom)));
      resize();
    }
  });
  slider.addEventListener("input", () => go(Number(slider.value)));
  window.addEventListener("resize", resize);

  for (const button of document.querySelectorAll("[data-layers]")) button.hidden = !(button.dataset.layers in data.scenes);
  document.querySelector(".controls").hidden = false;
  document.body.classList.add("live");
  prepare();
  show();
})();
