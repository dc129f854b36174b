// A network as steps one after another: those of learning/networks.py once more. Between steps numbers are flat, channel by
// channel and row by row. Within a convolution they lie pixel by pixel, so that its inner loop, like that of a linear step,
// runs through memory in order. ACTIVATE and PICTURE are tables of functions, written from the registries by decoders.py.

// Which of `count` numbers from `from` on are not 0, and what they are: a unit that is off costs nothing. Returns how many.
const lit = (input, from, count, where, values) => {
  let found = 0
  for (let i = 0; i < count; i++) {
    const value = input[from + i]
    if (value === 0) continue
    where[found] = i
    values[found++] = value
  }
  return found
}

// output += Σ value · row of the weights: the inner loop of all, four rows at once. Rows are `width` long, the first at `at`.
const addRows = (where, values, count, weight, at, width, output, to) => {
  let n = 0
  for (; n + 3 < count; n += 4) {
    const [a, b, c, d] = [at + where[n] * width, at + where[n + 1] * width, at + where[n + 2] * width, at + where[n + 3] * width]
    const [p, q, r, s] = [values[n], values[n + 1], values[n + 2], values[n + 3]]
    for (let j = 0; j < width; j++) {
      output[to + j] += p * weight[a + j] + q * weight[b + j] + r * weight[c + j] + s * weight[d + j]
    }
  }
  for (; n < count; n++) {
    const a = at + where[n] * width
    const p = values[n]
    for (let j = 0; j < width; j++) output[to + j] += p * weight[a + j]
  }
}

// Channel by channel → pixel by pixel, into an image `across` pixels wide at pixel (edge, edge)
const interleave = (input, [channels, height, width], output, across, edge) => {
  for (let c = 0, i = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      let at = ((y + edge) * across + edge) * channels + c
      for (let x = 0; x < width; x++, at += channels) output[at] = input[i++]
    }
  }
}

// And back: the image that starts at pixel (edge, edge)
const separate = (input, across, edge, [channels, height, width], output) => {
  for (let c = 0, i = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      let at = ((y + edge) * across + edge) * channels + c
      for (let x = 0; x < width; x++, at += channels) output[i++] = input[at]
    }
  }
}

const fillPixels = (output, bias) => {
  for (let at = 0; at < output.length; at += bias.length) output.set(bias, at)
}

// By kind: what chain.py tells of a step → a function (input, output) that runs it
const RUNS = {
  linear: ({ inputs, weight, bias }) => {
    const [where, values] = [new Int32Array(inputs), new Float64Array(inputs)]
    return (input, output) => {
      output.set(bias)
      addRows(where, values, lit(input, 0, inputs, where, values), weight, 0, bias.length, output, 0)
    }
  },

  // weight: rows (ky, kx, c) of one number for each output channel
  convolution: ({ image_in: [channels, height, width], image_out, kernel, stride, padding, weight, bias }) => {
    const [outputs, down, right] = image_out
    const across = width + 2 * padding
    const padded = new Float64Array(channels * across * (height + 2 * padding))
    const pixels = new Float64Array(outputs * down * right)
    const row = kernel * channels // what a kernel's row covers lies side by side
    const [where, values] = [new Int32Array(row), new Float64Array(row)]
    return (input, output) => {
      interleave(input, [channels, height, width], padded, across, padding)
      fillPixels(pixels, bias)
      for (let y = 0; y < down; y++) {
        for (let x = 0; x < right; x++) {
          for (let ky = 0; ky < kernel; ky++) {
            const from = ((y * stride + ky) * across + x * stride) * channels
            const count = lit(padded, from, row, where, values)
            addRows(where, values, count, weight, ky * row * outputs, outputs, pixels, (y * right + x) * outputs)
          }
        }
      }
      separate(pixels, right, 0, image_out, output)
    }
  },

  // weight: rows (ky, c) of numbers (kx, output channel): what a pixel adds to a row of the output lies side by side
  transposed_convolution: ({ image_in, image_out, kernel, stride, padding, weight, bias }) => {
    const [channels, height, width] = image_in
    const [outputs, down, right] = image_out
    // All that a kernel reaches; `padding` of it is cut off on each side.
    const across = Math.max((width - 1) * stride + kernel, right + padding)
    const reached = Math.max((height - 1) * stride + kernel, down + padding)
    const whole = new Float64Array(outputs * across * reached)
    const pixels = new Float64Array(channels * height * width)
    const [where, values] = [new Int32Array(channels), new Float64Array(channels)]
    const row = kernel * outputs
    return (input, output) => {
      interleave(input, image_in, pixels, width, 0)
      fillPixels(whole, bias)
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const count = lit(pixels, (y * width + x) * channels, channels, where, values)
          for (let ky = 0; ky < kernel; ky++) {
            const to = ((y * stride + ky) * across + x * stride) * outputs
            addRows(where, values, count, weight, ky * channels * row, row, whole, to)
          }
        }
      }
      separate(whole, across, padding, image_out, output)
    }
  },

  activation: (_, activate) => (input, output) => {
    for (let i = 0; i < output.length; i++) output[i] = activate(input[i])
  },

  // A factor and an offset for each channel
  channel_scale: ({ outputs, weight, bias }) => {
    const plane = outputs / bias.length
    return (input, output) => {
      for (let i = 0; i < outputs; i++) {
        const channel = Math.floor(i / plane)
        output[i] = input[i] * weight[channel] + bias[channel]
      }
    }
  },

  // Of all numbers: less their mean, over their standard deviation; then a factor and an offset for each channel or number
  layer_normalisation: ({ outputs, weight, bias, epsilon }) => {
    const plane = outputs / bias.length
    return (input, output) => {
      let [mean, square] = [0, 0]
      for (let i = 0; i < outputs; i++) mean += input[i] / outputs
      for (let i = 0; i < outputs; i++) square += (input[i] - mean) ** 2 / outputs
      const over = 1 / Math.sqrt(square + epsilon)
      for (let i = 0; i < outputs; i++) {
        const at = Math.floor(i / plane)
        output[i] = (input[i] - mean) * over * weight[at] + bias[at]
      }
    }
  },
}

class Chain {
  // steps: as chain.py tells them, each with its arrays `weight` and `bias` where it has any
  constructor(steps, activation, picture) {
    this.steps = steps.map((step) => ({ run: RUNS[step.kind](step, activation), output: new Float64Array(step.outputs) }))
    this.inputs = new Float64Array(steps[0].inputs)
    this.picture = picture // of a decoder's outputs; none for an encoder
  }

  // D numbers → P values in [0, 1], or P → D; the array is used again by the next call
  run(values) {
    let h = this.inputs
    for (let i = 0; i < h.length; i++) h[i] = values[i]
    for (const { run, output } of this.steps) {
      run(h, output)
      h = output
    }
    for (let i = 0; this.picture && i < h.length; i++) h[i] = this.picture(h[i])
    return h
  }
}

// Numbers (out × n) × one scale per row, where there is one → rows (n × out)
const restored = ({ data, shape: [rows, width] }, scale) => {
  const weight = new Float32Array(data.length)
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) weight[i * rows + row] = data[row * width + i] * (scale ? scale.data[row] : 1)
  }
  return weight
}

// Bytes of decoders.py → a Chain by variant
const chains = (bytes) => {
  const { activation, likelihood, variants, arrays } = unpack(bytes)
  const found = {}
  for (const [variant, told] of Object.entries(variants)) {
    const steps = told.map((step, i) => {
      const [weight, scale, bias] = ["weight", "scale", "bias"].map((part) => arrays[`${variant}.${i}.${part}`])
      if (!weight) return step
      return { ...step, weight: weight.shape.length > 1 ? restored(weight, scale) : weight.data, bias: bias.data }
    })
    found[variant] = new Chain(steps, ACTIVATE[activation], PICTURE[likelihood])
  }
  return found
}
