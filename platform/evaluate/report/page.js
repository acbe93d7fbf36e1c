// The behaviour of a report: linked viewers, display modes, the turntable.
"use strict";

function linkPerson(card, renderer, state) {
  const view = JSON.parse(card.dataset.view);
  const orbit = { center: view.center, height: view.height, yaw: view.yaw, pitch: view.pitch, zoom: 1, panX: 0, panY: 0 };
  const panels = [...card.querySelectorAll("canvas")].map((canvas) => ({ canvas, layer: Number(canvas.dataset.layer), model: null }));
  const person = { card, orbit, dirty: true, visible: false, loaded: false, held: false };

  person.load = async () => {
    person.loaded = true;
    const models = new Map(); // several panels can show one mesh
    for (const panel of panels) {
      const name = panel.canvas.dataset.mesh;
      if (!models.has(name)) {
        const source = document.getElementById(name);
        models.set(name, renderer.upload(await unpackMesh(JSON.parse(source.textContent))));
        source.remove();
      }
      panel.model = models.get(name);
      person.dirty = true;
    }
    card.dataset.ready = "yes";
  };
  person.draw = () => {
    person.dirty = false;
    for (const { canvas, layer, model } of panels) {
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
      if (!model || !width || !height) continue;
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      renderer.draw(model, canvas, orbit, state.mode, layer, state.full);
    }
  };
  const changed = () => { person.dirty = true; state.wake(); };
  const reset = () => { Object.assign(orbit, { yaw: view.yaw, pitch: view.pitch, zoom: 1, panX: 0, panY: 0 }); changed(); };
  const rotate = (dx, dy, height) => {
    orbit.yaw -= (dx / height) * Math.PI;
    orbit.pitch = Math.max(-1.5, Math.min(1.5, orbit.pitch + (dy / height) * Math.PI));
    changed();
  };
  const zoom = (factor) => { orbit.zoom = Math.max(0.7, Math.min(8, orbit.zoom * factor)); changed(); };

  for (const { canvas } of panels) {
    const fingers = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      person.held = true;
    });
    canvas.addEventListener("pointermove", (event) => {
      const last = fingers.get(event.pointerId);
      if (!last) return;
      const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
      const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
      const before = fingers.size === 2 ? spread() : 0;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size === 2) {
        if (before > 0) zoom(spread() / before);
        orbit.panX += (dx / 2 / canvas.clientHeight) * orbit.height / orbit.zoom;
        orbit.panY -= (dy / 2 / canvas.clientHeight) * orbit.height / orbit.zoom;
      } else if (event.shiftKey || event.buttons === 2) {
        orbit.panX += (dx / canvas.clientHeight) * orbit.height / orbit.zoom;
        orbit.panY -= (dy / canvas.clientHeight) * orbit.height / orbit.zoom;
        changed();
      } else rotate(dx, event.pointerType === "touch" ? 0 : dy, canvas.clientHeight);
    });
    const release = (event) => { fingers.delete(event.pointerId); person.held = fingers.size > 0; };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("dblclick", reset);
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * 0.004));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = 0.12 * canvas.clientHeight;
      const action = {
        ArrowLeft: () => rotate(-step, 0, canvas.clientHeight), ArrowRight: () => rotate(step, 0, canvas.clientHeight),
        ArrowUp: () => rotate(0, -step, canvas.clientHeight), ArrowDown: () => rotate(0, step, canvas.clientHeight),
        "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15), Home: reset, "0": reset,
      }[event.key];
      if (action) { event.preventDefault(); action(); }
    });
  }
  return person;
}

function startViewers() {
  const cards = [...document.querySelectorAll(".person[data-view]")];
  if (!cards.length) return;
  const renderer = typeof DecompressionStream === "function" ? createRenderer() : null;
  if (!renderer) return; // the stills stay
  const root = document.documentElement;
  root.classList.add("has3d");
  renderer.canvas.addEventListener("webglcontextlost", () => root.classList.remove("has3d")); // back to the stills
  let asked = false;
  const state = { mode: "color", full: 5, turning: false, wake: () => { if (!asked) { asked = true; requestAnimationFrame(frame); } } };
  const people = cards.map((card) => linkPerson(card, renderer, state));
  let before = 0;
  function frame(now) {
    asked = false;
    const seconds = Math.min(0.1, (now - before) / 1000);
    before = now;
    for (const person of people) {
      if (!person.visible) continue;
      if (state.turning && !person.held) { person.orbit.yaw += 0.6 * seconds; person.dirty = true; }
      if (person.dirty && person.loaded) person.draw();
    }
    if (state.turning) state.wake();
  }
  const all = () => { for (const person of people) person.dirty = true; state.wake(); };
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const person = people[cards.indexOf(entry.target)];
      person.visible = entry.isIntersecting;
      person.dirty = true;
      if (entry.isIntersecting && !person.loaded) person.load().then(state.wake).catch((error) => {
        console.error(error);
        root.classList.remove("has3d");
      });
    }
    state.wake();
  }, { rootMargin: "300px 0px" });
  cards.forEach((card) => watcher.observe(card));
  new ResizeObserver(all).observe(document.body);

  for (const button of document.querySelectorAll("[data-mode]")) {
    button.addEventListener("click", () => {
      state.mode = button.dataset.mode;
      root.dataset.shown = state.mode;
      for (const other of document.querySelectorAll("[data-mode]")) other.setAttribute("aria-pressed", String(other === button));
      all();
    });
  }
  for (const button of document.querySelectorAll("[data-full]")) {
    button.addEventListener("click", () => {
      state.full = Number(button.dataset.full);
      document.getElementById("ramp-half").textContent = String(state.full / 2);
      document.getElementById("ramp-full").textContent = `${state.full}+ cm`;
      for (const other of document.querySelectorAll("[data-full]")) other.setAttribute("aria-pressed", String(other === button));
      all();
    });
  }
  const turntable = document.getElementById("turntable");
  turntable.addEventListener("click", () => {
    state.turning = !state.turning;
    turntable.setAttribute("aria-pressed", String(state.turning));
    before = performance.now();
    state.wake();
  });
}

startViewers();
