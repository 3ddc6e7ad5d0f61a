/**
 * @typedef {Object} Frame what one snapshot of the training shows
 * @property {number} generation
 * @property {number} version
 * @property {Record<string, {data: Float32Array, shape: number[]}>} arrays
 */

/**
 * @param {ArrayBuffer} buffer length of the header, header, numbers: see frame.py
 * @returns {Frame}
 */
export function decodeFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const numbers = new Float32Array(buffer, 4 + length);
  const arrays = {};
  for (const [name, [offset, shape]] of Object.entries(header.arrays)) {
    const size = shape.reduce((a, b) => a * b, 1);
    arrays[name] = { data: numbers.subarray(offset, offset + size), shape };
  }
  return { ...header, arrays };
}
