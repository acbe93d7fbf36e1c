// Pictures in the browser: reading, reducing before they travel, and the cut-out person.

import { ServerError } from "/page/api.js";

const MAX_SIDE = 2048; // the server reduces larger pictures to this anyway

// {blob, name, bitmap}; bitmap is null for files that this browser cannot show (the server may still read them).
export async function prepare(file, { maxBytes = 20e6, keep = false } = {}) {
  let bitmap = null;
  try { bitmap = await createImageBitmap(file); } catch { /* the server's word counts */ }
  let blob = file;
  if (bitmap && !keep && Math.max(bitmap.width, bitmap.height) > MAX_SIDE) {
    const scale = MAX_SIDE / Math.max(bitmap.width, bitmap.height);
    const canvas = sheet(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    const pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const kind = file.type === "image/jpeg" ? "image/jpeg" : "image/png";
    const smaller = await new Promise((resolve) => canvas.toBlob(resolve, kind, 0.93));
    bitmap.close();
    bitmap = await createImageBitmap(canvas);
    blob = smaller || file;
  }
  if (blob.size > maxBytes) {
    throw new ServerError({ code: "too_large", message: `The file has ${readable(blob.size)}; this server takes ${readable(maxBytes)}.`,
      hint: "Save it as JPEG, or make it smaller, and try again." });
  }
  return { blob, name: file.name || "picture.png", bitmap };
}

export function readable(bytes) {
  if (bytes < 1e3) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
}

// The event `found`: the upright picture, and the person alone with everything else transparent.
export async function cutOut(found) {
  const [picture, mask] = await Promise.all([decode(found.picture_jpg, "image/jpeg"), decode(found.mask_png, "image/png")]);
  const alpha = sheet(picture.width, picture.height);
  const pen = alpha.getContext("2d", { willReadFrequently: true });
  pen.drawImage(mask, 0, 0, alpha.width, alpha.height);
  const pixels = pen.getImageData(0, 0, alpha.width, alpha.height);
  for (let k = 0; k < pixels.data.length; k += 4) {
    pixels.data[k + 3] = pixels.data[k];
  }
  pen.putImageData(pixels, 0, 0);
  const person = sheet(picture.width, picture.height);
  const brush = person.getContext("2d");
  brush.drawImage(picture, 0, 0);
  brush.globalCompositeOperation = "destination-in";
  brush.drawImage(alpha, 0, 0);
  const [left, top, right, bottom] = found.box;
  const cropped = sheet(Math.max(1, right - left), Math.max(1, bottom - top));
  cropped.getContext("2d").drawImage(person, -left, -top);
  return { picture, alpha, person, cropped };
}

// Draw the picture; with a cut-out everything but the person is pale and the person has an outline.
export function draw(canvas, picture, cut, colours) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  const pen = canvas.getContext("2d");
  if (!cut) {
    pen.drawImage(picture, 0, 0);
    return;
  }
  pen.fillStyle = colours.pale;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.globalAlpha = 0.22;
  pen.drawImage(picture, 0, 0);
  pen.globalAlpha = 1;
  pen.drawImage(outline(cut.alpha, Math.max(2, picture.height / 240), colours.line), 0, 0);
  pen.drawImage(cut.person, 0, 0);
}

function outline(alpha, width, colour) {
  const ring = sheet(alpha.width, alpha.height);
  const pen = ring.getContext("2d");
  for (let k = 0; k < 16; k++) {
    const angle = (k / 8) * Math.PI;
    pen.drawImage(alpha, Math.cos(angle) * width, Math.sin(angle) * width);
  }
  pen.globalCompositeOperation = "source-in";
  pen.fillStyle = colour;
  pen.fillRect(0, 0, ring.width, ring.height);
  return ring;
}

async function decode(base64, type) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type }));
}

function sheet(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}
