// Decoders that run in the browser: the steps of learning/networks.py once more, up to the picture. ACTIVATE and PICTURE
// are tables of functions, written from the registries by decoders.py.
// One place for the whole page: the weights arrive once, and every component that draws asks for them by their key.
const shelf = (window.latentTwinsDecoders ??= { byKey: new Map(), waiting: new Set() })
const KEPT = 3 // runs and epochs

// weight: input × output, so that a unit that is off costs nothing, and the inner loop runs through memory in order
const dense = (weight, bias, input, output) => {
  const width = output.length
  output.set(bias)
  for (let i = 0, at = 0; i < input.length; i++, at += width) {
    const value = input[i]
    if (value === 0) continue
    for (let j = 0; j < width; j++) output[j] += value * weight[at + j]
  }
}

class Decoder {
  constructor(steps, latentDim, activation, picture) {
    this.steps = steps // [{ weight (in × out), bias (out) } for a linear one, {} for the activation, …]
    this.activate = activation
    this.picture = picture
    let width = latentDim
    this.outputs = steps.map(({ bias }) => new Float64Array((width = bias ? bias.length : width)))
    this.code = new Float64Array(latentDim)
  }

  // z: D numbers → P values in [0, 1]; the array is used again by the next call
  decode(z) {
    let h = this.code
    for (let i = 0; i < h.length; i++) h[i] = z[i]
    this.steps.forEach(({ weight, bias }, n) => {
      const output = this.outputs[n]
      if (weight) dense(weight, bias, h, output)
      else for (let i = 0; i < output.length; i++) output[i] = this.activate(h[i])
      h = output
    })
    for (let i = 0; i < h.length; i++) h[i] = this.picture(h[i])
    return h
  }
}

// Whole numbers (out × in) × one scale per row → weights (in × out)
const restored = ({ data, shape: [rows, width] }, scale) => {
  const weight = new Float32Array(data.length)
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) weight[i * rows + row] = data[row * width + i] * scale.data[row]
  }
  return weight
}

// Call `use` with the decoders by variant, now or when they arrive; the answer stops the waiting.
const whenDecoders = (key, use) => {
  if (shelf.byKey.has(key)) {
    use(shelf.byKey.get(key))
    return () => {}
  }
  const wait = { key, use }
  shelf.waiting.add(wait)
  return () => shelf.waiting.delete(wait)
}

const shelve = (bytes) => {
  if (shelf.byKey.has(headOf(bytes).meta.key)) return // every rerun of the page hands them over again
  const { key, activation, likelihood, latentDim, variants, arrays } = unpack(bytes)
  const decoders = {}
  for (const [variant, kinds] of Object.entries(variants)) {
    const steps = kinds.map((kind, i) => {
      if (kind === "activation") return {}
      const [weight, scale, bias] = ["weight", "scale", "bias"].map((part) => arrays[`${variant}.${i}.${part}`])
      return { weight: restored(weight, scale), bias: bias.data }
    })
    decoders[variant] = new Decoder(steps, latentDim, ACTIVATE[activation], PICTURE[likelihood])
  }
  shelf.byKey.set(key, decoders)
  while (shelf.byKey.size > KEPT) shelf.byKey.delete(shelf.byKey.keys().next().value)
  for (const wait of [...shelf.waiting]) {
    if (wait.key !== key) continue
    shelf.waiting.delete(wait)
    wait.use(decoders)
  }
}

// An image's values in [0, 1], channel by channel, onto a canvas of the image's own size; the page scales it up.
const paint = (canvas, values) => {
  const context = canvas.getContext("2d")
  const image = context.createImageData(canvas.width, canvas.height)
  const plane = canvas.width * canvas.height
  const next = values.length > plane ? plane : 0 // from one colour to the next; grey is all three
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * i + channel] = Math.round(255 * values[i + channel * next])
    }
    image.data[4 * i + 3] = 255
  }
  context.putImageData(image, 0, 0)
}
