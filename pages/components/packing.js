// The other end of packing.py: bytes → { …meta, arrays: { name: { data, shape } } }.
const unpack = (bytes) => {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) // starts at a multiple of 4
  const length = new DataView(buffer).getUint32(0, true)
  const meta = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)))
  const arrays = {}
  for (const [name, { type, shape, offset }] of Object.entries(meta.arrays)) {
    const count = shape.reduce((a, b) => a * b, 1)
    const view = { float32: Float32Array, int16: Int16Array, uint8: Uint8Array }[type]
    arrays[name] = { data: new view(buffer, 4 + length + offset, count), shape }
  }
  return { ...meta, arrays }
}
