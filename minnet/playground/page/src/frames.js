/**
 * Frames as the server sends them: what one snapshot of a training shows.
 *
 * uint32 (little endian) length of the header; the header in JSON, padded so that 4 + length is a multiple
 * of 4; the float32 numbers of all arrays, one after the other. `header.arrays` has each array's offset, in
 * floats, and its shape.
 *
 * @typedef {Object<string, any> & {
 *   generation: number, version: number, step: number,
 *   arrays: Object<string, Float32Array>, shapes: Object<string, number[]>
 * }} Frame  all fields of the header, and views of the arrays
 */

const ONCE = ["points", "digit_images"]; // sent with the first frame of a generation only

/**
 * @param {ArrayBuffer} buffer
 * @returns {Frame}
 */
export function decodeFrame(buffer) {
  const length = buffer.byteLength < 4 ? 0 : new DataView(buffer).getUint32(0, true);
  const start = 4 + length;
  if (!length || start % 4 || start > buffer.byteLength) {
    throw new Error(`a frame must begin with its header, got ${buffer.byteLength} bytes`);
  }
  const { arrays: table, ...header } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  const shapes = {};
  for (const [name, [offset, shape]] of Object.entries(table)) {
    const size = shape.reduce((product, n) => product * n, 1);
    arrays[name] = new Float32Array(buffer, start + 4 * offset, size); // throws when the frame is cut off
    shapes[name] = shape;
  }
  return { ...header, arrays, shapes };
}

/** Whether a frame has what its generation is drawn on. */
export function hasPoints(frame) {
  return Boolean(frame && ONCE.some((name) => name in frame.arrays));
}

/**
 * Hand on what came with an earlier frame of the same generation only.
 *
 * @param {Frame} frame
 * @param {Frame | null | undefined} previous
 * @returns {Frame} `frame`
 */
export function keepPoints(frame, previous) {
  if (previous && previous.generation === frame.generation) {
    for (const name of ONCE) {
      if (name in previous.arrays && !(name in frame.arrays)) {
        frame.arrays[name] = previous.arrays[name];
        frame.shapes[name] = previous.shapes[name];
      }
    }
  }
  return frame;
}
