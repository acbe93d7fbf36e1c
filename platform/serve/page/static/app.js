// The page: from a chosen picture to one or two results side by side.

import * as api from "/page/api.js";
import { edit } from "/page/editor.js";
import { Pane } from "/page/pane.js";
import { cutOut, draw, readable, prepare } from "/page/picture.js";
import { Views, load } from "/page/viewer.js";

const $ = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const app = {
  models: [], limits: {}, panes: [], results: new Map(), views: new Views(),
  file: null, prepared: null, mask: null, cut: null, showCut: true, round: 0,

  picture() {
    if (!this.prepared) return null;
    return { picture: this.prepared.blob, name: this.prepared.name, mask: this.mask, resolution: $("resolution").value };
  },
  stem: () => (app.file?.name || "person").replace(/\.[^.]*$/, "").replace(/[^\w-]+/g, "-") || "person",

  say(text) {
    if ($("status").textContent !== text) $("status").textContent = text;
  },

  warn(text) {
    $("banner").textContent = text;
    $("banner").hidden = !text;
    clearTimeout(this.fading);
    if (text) this.fading = setTimeout(() => { $("banner").hidden = true; }, 8000);
  },

  async found(facts) {
    const round = this.round;
    const cut = await cutOut(facts);
    if (round !== this.round) return;
    this.cut = cut;
    $("cutout").hidden = false;
    $("correct").hidden = !this.paintable();
    this.caption(facts);
    this.paint();
    for (const pane of this.panes) pane.ghost(cut.cropped);
  },

  paintable: () => Boolean(app.prepared?.bitmap),

  // Let the user say who the person is, and do everything again with that.
  async correct() {
    const { bitmap } = this.prepared;
    const round = this.round;
    const mask = await edit(this.cut?.picture || bitmap, this.cut?.alpha || null, bitmap.width, bitmap.height);
    if (!mask || round !== this.round) return;
    this.mask = mask;
    this.results.clear();
    for (const pane of this.panes) pane.run(pane.method);
  },

  caption({ origin }) {
    const how = { mask: "Cut out by your mask.", transparency: "Cut out by its transparency.", found: "The person was found." };
    $("caption").textContent = how[origin] || how.found;
  },

  paint() {
    const picture = this.cut?.picture || this.prepared?.bitmap;
    $("no-preview").hidden = Boolean(picture);
    $("picture").hidden = !picture;
    if (!picture) return;
    const style = getComputedStyle(document.documentElement);
    const colours = { pale: style.getPropertyValue("--card").trim(), line: style.getPropertyValue("--accent").trim() };
    draw($("picture"), picture, this.showCut ? this.cut : null, colours);
    const known = this.cut ? (this.showCut ? "Your picture, the person cut out" : "Your picture") : "Your picture";
    $("picture").setAttribute("aria-label", known);
  },

  changed() {
    const done = this.panes.some((pane) => pane.element.dataset.state === "done");
    $("tools").hidden = !done;
    const free = this.models.filter((model) => !this.panes.some((pane) => pane.method === model.name));
    const compare = $("compare");
    compare.hidden = !(this.panes.length === 1 && free.length);
    compare.textContent = free.length === 1 ? `Compare with ${free[0].title || free[0].name}` : "Compare";
    compare.value = free[0]?.name || "";
    $("panes").dataset.count = this.panes.length;
    for (const pane of this.panes) pane.parts.close.hidden = this.panes.length < 2;
  },

  add(method) {
    const pane = new Pane(this, method);
    this.panes.push(pane);
    $("panes").append(pane.element);
    if (this.cut) pane.ghost(this.cut.cropped);
    this.changed();
    return pane;
  },

  close(pane) {
    pane.stop();
    this.views.remove(pane.parts.view);
    pane.element.remove();
    this.panes = this.panes.filter((one) => one !== pane);
    this.changed();
    this.panes[0]?.parts.method.focus();
  },

  another() {
    if (history.state?.work) history.back();
    else this.home();
  },

  home() {
    this.round++;
    for (const pane of this.panes) { pane.stop(); this.views.remove(pane.parts.view); }
    this.panes = [];
    $("panes").replaceChildren();
    this.results.clear();
    Object.assign(this, { file: null, prepared: null, cut: null });
    this.say("");
    show("start");
    for (const id of ["file", "camera", "mask"]) $(id).value = "";
    $("file").focus({ preventScroll: true });
  },

  needToken(retry) {
    const wrong = $("access").dataset.asked === "yes";
    $("access-wrong").hidden = !wrong;
    $("access").dataset.asked = "yes";
    $("token").value = "";
    if (!$("access").open) $("access").showModal();
    $("access").onclose = () => {
      if (!$("token").value) return;
      api.setToken($("token").value.trim());
      retry();
    };
  },
};

function show(state) {
  document.documentElement.dataset.state = state;
  $("start").hidden = state !== "start";
  $("work").hidden = state === "start";
  scrollTo(0, 0);
}

async function begin(file, mask = $("mask").files[0] || null) {
  if (!file || !app.models.length) return;
  app.round++;
  const round = app.round;
  for (const pane of app.panes) { pane.stop(); app.views.remove(pane.parts.view); }
  app.panes = [];
  $("panes").replaceChildren();
  app.results.clear();
  Object.assign(app, { file, prepared: null, cut: null, mask, showCut: true });
  $("cutout").hidden = $("correct").hidden = true;
  $("cutout").setAttribute("aria-pressed", "true");
  $("caption").textContent = `${file.name || "Picture"}, ${readable(file.size)}`;
  if (!history.state?.work) history.pushState({ work: true }, "");
  show("work");
  for (const method of chosen()) app.add(method);
  app.paint();
  $("main").focus({ preventScroll: true });
  load().catch(() => {});
  try {
    const prepared = await prepare(file, { maxBytes: app.limits.upload_bytes, keep: Boolean(mask) });
    if (round !== app.round) return;
    app.prepared = prepared;
  } catch (error) {
    if (round !== app.round) return;
    for (const pane of app.panes.slice(1)) app.close(pane);
    app.panes[0].fail(error);
    app.paint();
    return;
  }
  app.paint();
  for (const pane of app.panes) pane.run(pane.method);
}

// The methods that are chosen: one, or the first two for `*`.
function chosen() {
  const value = document.querySelector("input[name=method]:checked")?.value || app.models[0].name;
  return value === "*" ? app.models.slice(0, 2).map((model) => model.name) : [value];
}

function offer() {
  const choice = (value, text, checked, title) => {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "method", value, checked });
    if (title) label.title = title;
    label.append(input, text);
    return label;
  };
  const box = $("methods");
  box.querySelectorAll("label").forEach((label) => label.remove());
  app.models.forEach((model, k) => box.append(choice(model.name, model.title || model.name, k === 0, model.trained_on)));
  if (app.models.length > 1) box.append(choice("*", app.models.length === 2 ? "Both" : "The first two", false, "Side by side"));
  const finest = app.limits.resolution || 256;
  $("resolution").replaceChildren(new Option("As trained", ""), ...[64, 96, 128, 192, 256, 384, 512]
    .filter((points) => points <= finest).map((points) => new Option(String(points), String(points))));
  if (app.limits.upload_bytes) $("limit-tip").textContent = `JPEG, PNG or WebP up to ${readable(app.limits.upload_bytes)}`;
}

async function connect() {
  try {
    const { models, limits } = await api.models();
    app.models = models;
    app.limits = limits || {};
    if (!app.models.length) {
      app.warn("This server has no method to offer. Its operator can add one: vitruvian serve --models pifu");
      return;
    }
    offer();
    app.warn("");
    document.documentElement.dataset.ready = "";
  } catch (error) {
    if (error.status === 401) app.needToken(connect);
    else {
      app.warn(`${error.message} Trying again …`);
      setTimeout(connect, 3000);
    }
  }
}

for (const id of ["file", "camera"]) $(id).addEventListener("change", () => begin($(id).files[0]));
$("mask").addEventListener("change", () => app.say($("mask").files[0] ? "The mask is used with the next picture." : ""));
$("example").addEventListener("click", async () => {
  const image = await fetch("/page/example.jpg");
  begin(new File([await image.blob()], "example.jpg", { type: "image/jpeg" }), null);
});
$("again").addEventListener("click", () => app.another());
$("compare").addEventListener("click", () => {
  const pane = app.add($("compare").value);
  pane.run(pane.method);
  pane.element.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "nearest", inline: "nearest" });
});
$("correct").addEventListener("click", () => app.correct());
$("cutout").addEventListener("click", () => {
  app.showCut = !app.showCut;
  $("cutout").setAttribute("aria-pressed", String(app.showCut));
  app.paint();
});

function turn(on) {
  app.views.turn(on);
  $("turn").setAttribute("aria-pressed", String(on));
}
$("turn").addEventListener("click", () => turn(!app.views.turning));
for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () => { turn(false); app.views.look(Number(button.dataset.view)); });
}
for (const button of document.querySelectorAll("[data-surface]")) {
  button.addEventListener("click", () => {
    app.views.setSurface(button.dataset.surface);
    for (const other of document.querySelectorAll("[data-surface]")) other.setAttribute("aria-pressed", String(other === button));
  });
}

document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files || [])].find((one) => one.type.startsWith("image/"));
  if (file) begin(file);
});
let inside = 0;
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
    event.preventDefault();
    inside = kind === "dragenter" ? inside + 1 : kind === "dragleave" ? inside - 1 : kind === "drop" ? 0 : inside;
    document.documentElement.toggleAttribute("data-dragging", inside > 0);
    if (kind === "drop") begin(event.dataTransfer.files[0]);
  });
}
addEventListener("popstate", () => { if (document.documentElement.dataset.state === "work") app.home(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.paint());

if (history.state?.work) history.replaceState(null, "");
turn(!calm.matches);
connect();
