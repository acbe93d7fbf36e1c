// A small mesh viewer: any number of panels share one WebGL context, panels of one person share one camera.
// Own code; reads the layout that packing.py writes.
"use strict";

async function unpackMesh(packed) {
  const text = atob(packed.data);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const raw = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = packed.vertices, corners = 3 * packed.faces;
  let at = 0;
  const undo16 = (length) => {
    const values = new Uint16Array(length);
    let last = 0;
    for (let k = 0; k < length; k++) {
      last = (last + raw[at + k] + 256 * raw[at + length + k]) & 0xffff;
      values[k] = last;
    }
    at += 2 * length;
    return values;
  };
  const positions = new Float32Array(3 * count);
  for (let axis = 0; axis < 3; axis++) {
    const steps = undo16(count);
    for (let k = 0; k < count; k++) positions[3 * k + axis] = packed.low[axis] + packed.step * steps[k];
  }
  const normals = new Float32Array(3 * count);
  for (let k = 0; k < count; k++) {
    let x = raw[at + k] / 127.5 - 1, y = raw[at + count + k] / 127.5 - 1;
    const z = 1 - Math.abs(x) - Math.abs(y);
    if (z < 0) [x, y] = [(1 - Math.abs(y)) * (x >= 0 ? 1 : -1), (1 - Math.abs(x)) * (y >= 0 ? 1 : -1)];
    const length = Math.hypot(x, y, z) || 1;
    normals.set([x / length, y / length, z / length], 3 * k);
  }
  at += 2 * count;
  const paint = new Uint8Array(4 * count).fill(255); // red, green, blue
  for (let channel = 0; channel < 3; channel++) {
    let last = 0;
    for (let k = 0; k < count; k++) paint[4 * k + channel] = last = (last + raw[at + k]) & 255;
    at += count;
  }
  const distances = []; // one layer for each surface that it is measured to
  for (let layer = 0; layer < packed.layers; layer++, at += count) distances.push(raw.slice(at, at + count));
  const indices = undo16(corners);
  if (at !== raw.length) throw new Error("a mesh on this page is damaged");
  return { positions, normals, paint, distances, indices, limit: packed.limit };
}

const VERTEX_SHADER = `#version 300 es
uniform mat3 turn; uniform vec3 center; uniform vec2 scale; uniform vec2 shift;
in vec3 position; in vec3 normal; in vec4 paint; in float gap;
out vec3 seen; out vec4 painted;
void main() {
  vec3 at = turn * (position - center);
  gl_Position = vec4(at.xy * scale + shift, -at.z * 0.2, 1.0);
  seen = turn * normal; painted = vec4(paint.rgb, gap);
}`;
const FRAGMENT_SHADER = `#version 300 es
precision highp float;
uniform int mode; uniform float limit; uniform float full;
in vec3 seen; in vec4 painted; out vec4 color;
vec3 ramp(float t) {
  vec3 a = vec3(0.93, 0.94, 0.92), b = vec3(0.98, 0.83, 0.50), c = vec3(0.90, 0.42, 0.20), d = vec3(0.52, 0.06, 0.16);
  return t < 0.33 ? mix(a, b, t / 0.33) : t < 0.66 ? mix(b, c, (t - 0.33) / 0.33) : mix(c, d, min(1.0, (t - 0.66) / 0.34));
}
void main() {
  vec3 n = normalize(seen);
  n = normalize(vec3(n.xy, max(n.z, 0.0) + 1e-4));
  float key = max(0.0, dot(n, vec3(-0.25, 0.45, 0.86)));
  float shade = 0.34 + 0.56 * key + 0.12 * n.z;
  vec3 rgb;
  if (mode == 0) rgb = painted.rgb * shade * 1.04;
  else if (mode == 1) rgb = vec3(0.80, 0.78, 0.75) * shade;
  else if (mode == 2) rgb = n * 0.5 + 0.5;
  else rgb = ramp(painted.a * limit / full) * mix(1.0, shade, 0.55);
  color = vec4(clamp(rgb, 0.0, 1.0), 1.0);
}`;
const MODES = { color: 0, shape: 1, normals: 2, distance: 3 };

function createRenderer() {
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl2", { alpha: true, antialias: true, premultipliedAlpha: true });
  if (!gl) return null;
  const compile = (type, source) => {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    return shader;
  };
  const program = gl.createProgram();
  gl.attachShader(program, compile(gl.VERTEX_SHADER, VERTEX_SHADER));
  gl.attachShader(program, compile(gl.FRAGMENT_SHADER, FRAGMENT_SHADER));
  ["position", "normal", "paint", "gap"].forEach((name, slot) => gl.bindAttribLocation(program, slot, name));
  gl.linkProgram(program);
  gl.useProgram(program);
  const uniform = Object.fromEntries(["turn", "center", "scale", "shift", "mode", "limit", "full"].map((name) => [name, gl.getUniformLocation(program, name)]));
  gl.enable(gl.DEPTH_TEST);
  gl.clearColor(0, 0, 0, 0);

  const buffer = (target, data) => {
    const made = gl.createBuffer();
    gl.bindBuffer(target, made);
    gl.bufferData(target, data, gl.STATIC_DRAW);
    return made;
  };
  function upload(mesh) {
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    buffer(gl.ARRAY_BUFFER, mesh.positions);
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
    buffer(gl.ARRAY_BUFFER, mesh.normals);
    gl.vertexAttribPointer(1, 3, gl.FLOAT, false, 0, 0);
    buffer(gl.ARRAY_BUFFER, mesh.paint);
    gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    for (const slot of [0, 1, 2, 3]) gl.enableVertexAttribArray(slot);
    buffer(gl.ELEMENT_ARRAY_BUFFER, mesh.indices);
    const distances = mesh.distances.map((layer) => buffer(gl.ARRAY_BUFFER, layer));
    return { array, distances, corners: mesh.indices.length, limit: mesh.limit };
  }
  function draw(model, target, orbit, mode, layer, full) {
    const { width, height } = target;
    if (canvas.width < width || canvas.height < height) {
      canvas.width = Math.max(canvas.width, width);
      canvas.height = Math.max(canvas.height, height);
    }
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const [cy, sy, cp, sp] = [Math.cos(orbit.yaw), Math.sin(orbit.yaw), Math.cos(orbit.pitch), Math.sin(orbit.pitch)];
    gl.uniformMatrix3fv(uniform.turn, false, [cy, -sp * sy, cp * sy, 0, cp, sp, -sy, -sp * cy, cp * cy]);
    gl.uniform3fv(uniform.center, orbit.center);
    const scale = 2 * orbit.zoom / orbit.height;
    gl.uniform2f(uniform.scale, scale * height / width, scale);
    gl.uniform2f(uniform.shift, orbit.panX * scale * height / width, orbit.panY * scale);
    gl.uniform1i(uniform.mode, MODES[mode === "distance" && layer < 0 ? "shape" : mode]);
    gl.uniform1f(uniform.limit, model.limit);
    gl.uniform1f(uniform.full, full);
    gl.bindVertexArray(model.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, model.distances[Math.max(0, layer)]);
    gl.vertexAttribPointer(3, 1, gl.UNSIGNED_BYTE, true, 0, 0);
    gl.drawElements(gl.TRIANGLES, model.corners, gl.UNSIGNED_SHORT, 0);
    const context = target.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.drawImage(canvas, 0, canvas.height - height, width, height, 0, 0, width, height);
  }
  return { canvas, upload, draw };
}
