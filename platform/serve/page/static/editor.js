// Correct the cut-out by hand: paint what belongs to the person, erase what does not.

const LONGEST = 1024; // of the canvas that is painted on
const $ = (id) => document.getElementById(id);

// `picture`: an image; `alpha`: a canvas that is opaque on the person, or null. Resolves to a mask of width x height (a PNG, white
// on the person), or to null if the user thinks better of it.
export function edit(picture, alpha, width, height) {
  const dialog = $("editor"), canvas = $("paper");
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const sheet = () => Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const mask = sheet(), veil = sheet();
  const brush = mask.getContext("2d"), pen = canvas.getContext("2d"), gauze = veil.getContext("2d");
  if (alpha) brush.drawImage(alpha, 0, 0, mask.width, mask.height);
  const past = [];
  let from = null;

  function paint() {
    gauze.globalCompositeOperation = "copy";
    gauze.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    gauze.fillRect(0, 0, veil.width, veil.height);
    gauze.globalCompositeOperation = "destination-out";
    gauze.drawImage(mask, 0, 0);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    pen.globalAlpha = 0.62;
    pen.drawImage(veil, 0, 0);
    pen.globalAlpha = 1;
    $("undo").disabled = past.length === 0;
    $("use").disabled = isEmpty();
  }

  function isEmpty() {
    if (from) return false;
    const small = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    small.drawImage(mask, 0, 0, 48, 48);
    return !small.getImageData(0, 0, 48, 48).data.some((value, k) => k % 4 === 3 && value > 8);
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
  }

  function stroke(to) {
    brush.globalCompositeOperation = $("erase").checked ? "destination-out" : "source-over";
    brush.lineCap = brush.lineJoin = "round";
    brush.strokeStyle = "#fff";
    brush.lineWidth = (Number($("thickness").value) / 100) * Math.max(canvas.width, canvas.height);
    brush.beginPath();
    brush.moveTo(...from);
    brush.lineTo(...to);
    brush.stroke();
    from = to;
  }

  const listeners = new AbortController();
  const on = (element, kind, act) => element.addEventListener(kind, act, { signal: listeners.signal });
  on(canvas, "pointerdown", (event) => {
    if (event.button) return;
    try { canvas.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
    const before = sheet();
    before.getContext("2d").drawImage(mask, 0, 0);
    past.push(before);
    if (past.length > 20) past.shift();
    from = place(event);
    stroke([from[0] + 0.01, from[1]]);
    paint();
  });
  on(canvas, "pointermove", (event) => {
    if (!from) return;
    for (const one of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) stroke(place(one));
    paint();
  });
  for (const kind of ["pointerup", "pointercancel"]) on(canvas, kind, () => { from = null; paint(); });
  on($("undo"), "click", () => {
    brush.globalCompositeOperation = "copy";
    brush.drawImage(past.pop(), 0, 0);
    paint();
  });
  paint();
  dialog.returnValue = "";
  dialog.showModal();

  return new Promise((resolve) => {
    on(dialog, "close", () => {
      listeners.abort();
      if (dialog.returnValue !== "use") {
        resolve(null);
        return;
      }
      const whole = Object.assign(document.createElement("canvas"), { width, height });
      const ink = whole.getContext("2d");
      ink.fillRect(0, 0, width, height);
      ink.drawImage(mask, 0, 0, width, height);
      whole.toBlob(resolve, "image/png");
    });
  });
}
