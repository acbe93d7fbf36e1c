// 3D views with linked cameras and one turntable, on model-viewer, which is fetched when the first picture is there.

const FIELD = 22; // degrees, vertical
const SHARE = 0.8; // of the stage's height that the person takes
const SECONDS_A_TURN = 14;
const PAUSE_AFTER_TOUCH_MS = 2500;

let arriving = null;
export function load() {
  arriving ??= import("/page/vendor/model-viewer.min.js");
  return arriving;
}

export function canDraw() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context);
}

export class Views {
  constructor() {
    this.all = new Map(); // element -> its texture, for going back from the shape
    this.turning = false;
    this.surface = "photo";
    this.angle = 0;
    this.touched = -Infinity;
    this.last = 0;
    this.frame = this.frame.bind(this);
  }

  // A view of a GLB blob in `place`; resolves when it is drawn.
  async show(place, blob, description) {
    await load();
    this.remove(place);
    const view = document.createElement("model-viewer");
    const set = {
      "camera-controls": "", "touch-action": "pan-y", "interaction-prompt": "none", "disable-tap": "", alt: description,
      "field-of-view": `${FIELD}deg`, "min-field-of-view": "5deg", "max-field-of-view": "40deg",
      "camera-orbit": "0deg 88deg 6m", "min-camera-orbit": "auto 15deg 1m", "max-camera-orbit": "auto 165deg 14m",
      "shadow-intensity": "0.75", "shadow-softness": "0.9", "environment-image": "neutral", "tone-mapping": "neutral", exposure: "0.92",
    };
    for (const [name, value] of Object.entries(set)) view.setAttribute(name, value);
    const url = URL.createObjectURL(blob);
    try {
      await new Promise((resolve, reject) => {
        view.addEventListener("load", resolve, { once: true });
        view.addEventListener("error", () => reject(new Error("the 3D view cannot read the result")), { once: true });
        view.src = url;
        place.replaceChildren(view);
      });
    } finally {
      URL.revokeObjectURL(url);
    }
    const size = view.getDimensions(), middle = view.getBoundingBoxCenter();
    const distance = size.y / SHARE / 2 / Math.tan((FIELD * Math.PI) / 360);
    view.cameraTarget = `${middle.x}m ${middle.y}m ${middle.z}m`;
    view.cameraOrbit = `0deg 88deg ${distance}m`;
    await view.updateComplete; // the goal is set when the element has taken its properties
    view.jumpCameraToGoal();
    const texture = view.model?.materials[0]?.pbrMetallicRoughness.baseColorTexture?.texture ?? null;
    this.all.set(view, { texture, distance });
    view.addEventListener("camera-change", (event) => {
      if (event.detail.source === "user-interaction") this.follow(view);
    });
    this.dress(view);
    view.resetTurntableRotation(this.angle);
    const first = [...this.all.keys()][0];
    if (first !== view) await this.copy(first, view);
    return view;
  }

  remove(place) {
    for (const view of place.querySelectorAll("model-viewer")) {
      this.all.delete(view);
      view.remove();
    }
  }

  follow(leader) {
    this.touched = performance.now();
    for (const view of this.all.keys()) if (view !== leader) this.copy(leader, view);
  }

  copy(from, to) {
    to.cameraOrbit = from.getCameraOrbit().toString();
    to.fieldOfView = `${from.getFieldOfView()}deg`;
    return to.updateComplete.then(() => to.jumpCameraToGoal());
  }

  // Look from an angle about the vertical axis, in degrees: 0 from the front.
  look(degrees) {
    this.angle = 0;
    for (const [view, { distance }] of this.all) {
      view.resetTurntableRotation(0);
      view.cameraOrbit = `${degrees}deg 88deg ${distance}m`;
      view.fieldOfView = `${FIELD}deg`;
    }
  }

  setSurface(kind) {
    this.surface = kind;
    for (const view of this.all.keys()) this.dress(view);
  }

  dress(view) {
    const { texture } = this.all.get(view);
    if (!texture) return;
    const material = view.model.materials[0].pbrMetallicRoughness;
    const shape = this.surface === "shape";
    material.baseColorTexture.setTexture(shape ? null : texture);
    material.setBaseColorFactor(shape ? [0.62, 0.58, 0.53, 1] : [1, 1, 1, 1]);
  }

  turn(on) {
    this.turning = on;
    this.last = performance.now();
    if (on) requestAnimationFrame(this.frame);
  }

  frame(now) {
    if (!this.turning) return;
    const passed = Math.min(100, now - this.last) / 1000;
    this.last = now;
    if (this.all.size && now - this.touched > PAUSE_AFTER_TOUCH_MS && !document.hidden) {
      this.angle = (this.angle + (passed * 2 * Math.PI) / SECONDS_A_TURN) % (2 * Math.PI);
      for (const view of this.all.keys()) view.resetTurntableRotation(this.angle);
    }
    requestAnimationFrame(this.frame);
  }
}
