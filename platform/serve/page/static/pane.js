// One method's result: progress with the cut-out, then the person in 3D, or a problem and what to do about it.

import * as api from "/page/api.js";
import { canDraw } from "/page/viewer.js";

// What comes after the step that the server has just told of.
const NEXT = {
  decode: "Finding the person", find: "Looking at the person", prepare: "Looking at the person",
  features: "Asking for depth, point by point", field: "Building the surface", surface: "Laying the photograph on it",
  colours: "Packing the result", texture: "Packing the result",
};
const STEPS = {
  decode: "Reading the picture", find: "Finding the person", prepare: "Preparing", features: "Features of the picture",
  field: "Points of the grid", surface: "Surface", colours: "Colours", texture: "Texture", write: "Files",
};

export class Pane {
  // `app`: picture(), models, views, say(text), found(facts), needToken(retry), changed(), another()
  constructor(app, method) {
    this.app = app;
    this.method = method;
    this.element = document.querySelector("#pane").content.firstElementChild.cloneNode(true);
    const find = (selector) => this.element.querySelector(selector);
    this.parts = Object.fromEntries(["select.method", ".close", ".ghost", ".view", ".step", "progress", ".cancel", ".problem", ".retry",
      ".paint", ".other", "footer", ".facts", ".downloads", ".times"].map((selector) => [selector.replace(/^.*\./, ""), find(selector)]));
    for (const model of app.models) {
      this.parts.method.add(new Option(model.title || model.name, model.name, false, model.name === method));
    }
    this.parts.method.disabled = app.models.length < 2;
    this.parts.method.addEventListener("change", () => this.run(this.parts.method.value));
    this.parts.close.addEventListener("click", () => app.close(this));
    this.parts.cancel.addEventListener("click", () => { this.stop(); app.another(); });
    this.parts.retry.addEventListener("click", () => this.run(this.method));
    this.parts.paint.addEventListener("click", () => app.correct());
    this.parts.other.addEventListener("click", () => app.another());
  }

  get model() {
    return this.app.models.find((model) => model.name === this.method);
  }

  get title() {
    return this.model?.title || this.method;
  }

  stop() {
    this.controller?.abort();
    this.controller = null;
    clearInterval(this.countdown);
  }

  set(state) {
    this.element.dataset.state = state;
    this.element.setAttribute("aria-busy", String(state === "working"));
    this.parts.problem.hidden = state !== "problem";
    this.parts.footer.hidden = state !== "done";
    this.app.changed();
  }

  async run(method) {
    this.stop();
    this.method = method;
    this.parts.method.value = method;
    this.element.setAttribute("aria-label", this.title);
    this.app.views.remove(this.parts.view);
    const kept = this.app.results.get(method);
    if (kept) {
      this.set("working");
      this.step("Showing it again", 0.98);
      await this.finish(kept);
      return;
    }
    const picture = this.app.picture();
    if (!picture) return;
    const controller = new AbortController();
    this.controller = controller;
    this.set("working");
    this.step("Sending the picture", 0.02);
    const began = performance.now();
    try {
      const request = { ...picture, method, body: this.model?.kind === "body" };
      const facts = await api.reconstruct(request, (kind, told) => this.hear(kind, told), controller.signal);
      this.step("Fetching the result", 0.98);
      const blob = await api.result(facts.result);
      const seconds = (performance.now() - began) / 1000;
      if (controller.signal.aborted) return;
      const result = { facts, blob, seconds };
      this.app.results.set(method, result);
      await this.finish(result);
    } catch (error) {
      if (error.name === "AbortError" || controller.signal.aborted) return;
      this.fail(error);
    }
  }

  hear(kind, facts) {
    if (kind === "queued") {
      const ahead = facts.ahead ?? 0;
      this.step(ahead > 0 ? `Waiting, ${ahead} before you` : "The picture has arrived", 0.04);
    } else if (kind === "found") {
      this.app.found(facts);
    } else if (kind === "progress") {
      this.step(NEXT[facts.step] || "Working", facts.fraction);
    }
  }

  step(text, fraction) {
    this.parts.step.textContent = text;
    this.parts.progress.value = fraction;
    this.app.say(this.app.panes.length > 1 ? `${this.title}: ${text}` : text);
  }

  ghost(cropped) {
    const canvas = this.parts.ghost;
    canvas.width = cropped.width;
    canvas.height = cropped.height;
    canvas.getContext("2d").drawImage(cropped, 0, 0);
    this.element.dataset.found = "";
  }

  async finish(result) {
    const { facts, blob } = result;
    const described = `The person in 3D, reconstructed by ${this.title}. Drag or use the arrow keys to turn.`;
    if (canDraw()) {
      try {
        await this.app.views.show(this.parts.view, blob, described);
      } catch {
        this.fail(new api.ServerError({ code: "view", message: "The 3D view did not start.", hint: "Reload the page; the API gives the file in any case." }));
        return;
      }
    } else {
      this.parts.step.textContent = "This browser draws no 3D (WebGL is off). The files are below.";
    }
    this.element.toggleAttribute("data-flat", !canDraw());
    this.tell(result);
    this.set("done");
    this.app.say(`${this.title}: the person is there, ${facts.vertices} vertices.`);
  }

  tell({ facts, blob, seconds }) {
    const count = (number) => Number(number).toLocaleString("en");
    this.parts.facts.textContent = `${count(facts.vertices)} vertices · ${count(facts.faces)} faces · ${seconds.toFixed(1)} s`;
    const buttons = Object.entries(facts.downloads).map(([format, url]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button";
      button.textContent = format.toUpperCase();
      button.setAttribute("aria-label", `Download ${format.toUpperCase()}`);
      button.addEventListener("click", () => this.download(button, format, url, blob));
      return button;
    });
    this.parts.downloads.replaceChildren(...buttons);
    const rows = Object.entries(facts.timings_s || {}).flatMap(([step, spent]) => {
      const term = document.createElement("dt"), value = document.createElement("dd");
      term.textContent = STEPS[step] || step.replaceAll("_", " ");
      value.textContent = spent < 0.0995 ? `${Math.round(spent * 1000)} ms` : `${spent.toFixed(2)} s`;
      return [term, value];
    });
    this.parts.times.querySelector("dl").replaceChildren(...rows);
  }

  async download(button, format, url, glb) {
    button.disabled = true;
    try {
      const blob = format === "glb" ? glb : await api.result(url);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${this.app.stem()}-${this.method}.${format}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      const gone = error.status === 404;
      this.app.warn(gone ? "The server has forgotten this result. Reconstruct it again for other formats; GLB is still here." : error.message);
    } finally {
      button.disabled = false;
    }
  }

  fail(error) {
    const known = error instanceof api.ServerError;
    if (!known) console.warn(error);
    const told = known ? error : new api.ServerError({ code: "page", message: "The page made a mistake.", hint: "Reload it and try again." });
    const { problem, retry } = this.parts;
    problem.querySelector("h2").textContent = told.message;
    problem.querySelector(".what-to-do").textContent = told.hint || advice(told.code);
    problem.querySelector(".code").textContent = told.requestId ? `${told.code} · request ${told.requestId}` : told.code;
    const hopeless = ["too_large", "unsupported_media_type", "bad_picture", "nobody_found"].includes(told.code);
    const paintable = told.code === "nobody_found" && this.app.paintable();
    retry.hidden = hopeless;
    this.parts.paint.hidden = !paintable;
    this.parts.other.classList.toggle("primary", hopeless && !paintable);
    this.wait(told.retryAfter);
    this.set("problem");
    this.app.say("");
    if (told.status === 401) this.app.needToken(() => this.run(this.method));
  }

  // A button that cannot be pressed before the server wants to hear from us again.
  wait(seconds) {
    clearInterval(this.countdown);
    const { retry } = this.parts;
    const until = performance.now() + 1000 * (seconds || 0);
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      retry.disabled = left > 0;
      retry.textContent = left > 0 ? `Try again in ${left} s` : "Try again";
      if (left <= 0) clearInterval(this.countdown);
    };
    this.countdown = setInterval(tick, 250);
    tick();
  }
}

function advice(code) {
  return {
    bad_picture: "Open it in a viewer and save it again as PNG or JPEG.",
    busy: "Others are being served. Wait a moment.",
    rate_limited: "Wait a moment before the next picture.",
    draining: "The server is stopping; it may be back soon.",
    internal: "The server’s log says why. Try again, or another picture.",
    timed_out: "Try again, with less detail.",
  }[code] || "Try again, or take another picture.";
}
