// Networks that run in the browser: the steps of learning/networks.py once more, from a code to its picture, or from an
// image to its code. ACTIVATE and PICTURE are tables of functions, written from the registries by decoders.py.
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

class Chain {
  constructor(steps, inputs, activation, picture) {
    this.steps = steps // [{ weight (in × out), bias (out) } for a linear one, {} for the activation, …]
    this.activate = activation
    this.picture = picture // of a decoder's outputs; none for an encoder
    let width = inputs
    this.outputs = steps.map(({ bias }) => new Float64Array((width = bias ? bias.length : width)))
    this.inputs = new Float64Array(inputs)
  }

  // D numbers → P values in [0, 1], or P → D; the array is used again by the next call
  run(values) {
    let h = this.inputs
    for (let i = 0; i < h.length; i++) h[i] = values[i]
    this.steps.forEach(({ weight, bias }, n) => {
      const output = this.outputs[n]
      if (weight) dense(weight, bias, h, output)
      else for (let i = 0; i < output.length; i++) output[i] = this.activate(h[i])
      h = output
    })
    for (let i = 0; this.picture && i < h.length; i++) h[i] = this.picture(h[i])
    return h
  }
}

// Numbers (out × in) × one scale per row, where there is one → weights (in × out)
const restored = ({ data, shape: [rows, width] }, scale) => {
  const weight = new Float32Array(data.length)
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) weight[i * rows + row] = data[row * width + i] * (scale ? scale.data[row] : 1)
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

// Bytes of decoders.py → a Chain by variant
const chains = (bytes) => {
  const { activation, likelihood, inputs, variants, arrays } = unpack(bytes)
  const found = {}
  for (const [variant, kinds] of Object.entries(variants)) {
    const steps = kinds.map((kind, i) => {
      if (kind === "activation") return {}
      const [weight, scale, bias] = ["weight", "scale", "bias"].map((part) => arrays[`${variant}.${i}.${part}`])
      return { weight: restored(weight, scale), bias: bias.data }
    })
    found[variant] = new Chain(steps, inputs, ACTIVATE[activation], PICTURE[likelihood])
  }
  return found
}

const shelve = (bytes) => {
  const { key } = headOf(bytes).meta
  if (shelf.byKey.has(key)) return // every rerun of the page hands them over again
  const decoders = chains(bytes)
  shelf.byKey.set(key, decoders)
  while (shelf.byKey.size > KEPT) shelf.byKey.delete(shelf.byKey.keys().next().value)
  for (const wait of [...shelf.waiting]) {
    if (wait.key !== key) continue
    shelf.waiting.delete(wait)
    wait.use(decoders)
  }
}

// An image's values from 0 to `white`, channel by channel, onto a canvas at (x, y), a pixel a value; the page scales it up.
const paint = (canvas, values, { x = 0, y = 0, width = canvas.width, height = canvas.height, white = 1 } = {}) => {
  const context = canvas.getContext("2d")
  const image = context.createImageData(width, height)
  const plane = width * height
  const next = values.length > plane ? plane : 0 // from one colour to the next; grey is all three
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * i + channel] = Math.round((255 / white) * values[i + channel * next])
    }
    image.data[4 * i + 3] = 255
  }
  context.putImageData(image, x, y)
}
