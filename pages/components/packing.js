// The other end of packing.py: bytes → { …meta, arrays: { name: { data, shape } } }.
const headOf = (bytes) => {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  return { length, meta: JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) }
}

const unpack = (bytes) => {
  const { length, meta } = headOf(bytes)
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) // starts at a multiple of 4
  const arrays = {}
  for (const [name, { type, shape, offset }] of Object.entries(meta.arrays)) {
    const count = shape.reduce((a, b) => a * b, 1)
    const view = { float32: Float32Array, int16: Int16Array, uint8: Uint8Array }[type]
    arrays[name] = { data: new view(buffer, 4 + length + offset, count), shape }
  }
  return { ...meta, arrays }
}
