// Draw an image: strokes are centred and scaled as the images of the run are, and both encoders read them here.
const THICK = 0.1 // of the image's side: the width of a stroke, about that of MNIST's
const FINER = 4 // times as many pixels along a side while a stroke is drawn, then averaged
const INK = 0.2 // of white: what counts as drawn, when a box around it is looked for

class Pen {
  constructor(stage) {
    Object.assign(this, { stage, strokes: [] })
    this.root = document.createElement("div")
    this.root.className = "pen"
    this.root.innerHTML =
      `<canvas class="pad" role="img" aria-label="Draw here with the mouse, a pen or a finger"></canvas>` +
      `<div class="tools"><button type="button" class="clear">Clear</button>` +
      `<label class="ink" hidden>Colour <input type="color"></label></div>` +
      `<canvas class="seen" role="img" aria-label="What both encoders see"></canvas><div class="how"></div>`
    this.pad = this.root.querySelector(".pad")
    this.seen = this.root.querySelector(".seen")
    this.root.querySelector(".clear").addEventListener("click", () => this.clear())
    this.ink = this.root.querySelector(".ink input")
    this.ink.value = inkOf(stage.film)
    this.ink.parentElement.hidden = stage.film.shape[0] === 1 // of grey images a stroke is white
    this.ink.addEventListener("input", () => this.changed())
    const at = (event) => {
      const box = this.pad.getBoundingClientRect()
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
    }
    this.pad.addEventListener("pointerdown", (event) => {
      this.pad.setPointerCapture(event.pointerId)
      this.strokes.push([at(event)])
      this.changed()
    })
    this.pad.addEventListener("pointermove", (event) => {
      if (!event.buttons || !this.strokes.length) return
      for (const each of event.getCoalescedEvents?.() ?? [event]) this.strokes.at(-1).push(at(each))
      this.changed()
    })
  }

  fit(side) {
    const { film } = this.stage
    const [, height, width] = film.shape
    sharpen(this.pad, side, side)
    this.seen.width = width
    this.seen.height = height
    this.seen.style.width = `${Math.min(side * 0.5, 6 * this.stage.type)}px`
    this.box ??= typicalBox(film)
    const pixels = Math.round(this.box * Math.max(height, width))
    const inks = film.shape[0] > 1 ? " in this colour," : ","
    this.root.querySelector(".how").textContent =
      `What both see: your strokes${inks} centred by their mass, the longer side ${pixels} of ${Math.max(height, width)} pixels, as these images are.`
    this.draw()
  }

  clear() {
    this.strokes = []
    this.changed()
  }

  changed() {
    const { stage } = this
    const started = performance.now()
    this.draw()
    stage.drawn = this.strokes.length ? this.encoded(this.image()) : null
    stage.timed = stage.drawn && started // until both pictures are painted
    stage.request()
  }

  // Where the encoders put an image (P,) in [0, 1]: by variant, its code z and its place in the picture. Null without them
  encoded(image) {
    const { rested, planes, models } = this.stage
    if (!rested?.encoders || !planes) return null
    return Object.fromEntries(models.map(({ spec: { variant } }) => {
      const z = Array.from(rested.encoders[variant].run(image))
      const { origin, axes } = planes[variant]
      return [variant, { z, at: axes.map((axis) => axis.reduce((sum, value, i) => sum + value * (z[i] - origin[i]), 0)) }]
    }))
  }

  draw() {
    const draw = this.pad.getContext("2d")
    const side = parseFloat(this.pad.style.width)
    draw.clearRect(0, 0, side, side)
    trace(draw, this.strokes, ([x, y]) => [x * side, y * side], THICK * side * 0.8, this.ink.value)
    if (!this.strokes.length) {
      draw.fillStyle = "rgba(255,255,255,0.55)"
      draw.font = `${this.stage.type}px ${this.stage.family}`
      draw.textAlign = "center"
      draw.fillText("Draw here", side / 2, side / 2)
    }
  }

  // What has been drawn as an image of the run: (P,) in [0, 1]. Twice: once to find its mass, once with that in the middle.
  image() {
    const [channels, height, width] = this.stage.film.shape
    const points = this.strokes.flat()
    const [low, high] = [0, 1].map((axis) => points.map((point) => point[axis])).reduce(
      (ends, values) => [[...ends[0], Math.min(...values)], [...ends[1], Math.max(...values)]],
      [[], []],
    )
    const side = Math.max(width, height)
    const room = Math.max((this.box - THICK) * side, 1) // the pen's own width is part of the box
    const scale = room / Math.max(high[0] - low[0], high[1] - low[1], 0.15) // a dot stays a dot
    let middle = [0, 1].map((axis) => (low[axis] + high[axis]) / 2)
    let grey
    for (let turn = 0; turn < 2; turn++) {
      grey = this.render(width, height, ([x, y]) => [width / 2 + (x - middle[0]) * scale, height / 2 + (y - middle[1]) * scale])
      if (turn) break
      const [x, y] = massOf(grey, width)
      middle = [middle[0] + (x - width / 2) / scale, middle[1] + (y - height / 2) / scale]
    }
    const image = new Float32Array(channels * width * height)
    const levels = [1, 3, 5].map((at) => parseInt(this.ink.value.slice(at, at + 2), 16) / 255)
    for (let channel = 0; channel < channels; channel++) {
      image.set(grey.map((value) => value * levels[channel]), channel * width * height)
    }
    paint(this.seen, image)
    return image
  }

  render(width, height, place) {
    this.fine ??= document.createElement("canvas")
    this.fine.width = width * FINER
    this.fine.height = height * FINER
    const draw = this.fine.getContext("2d", { willReadFrequently: true })
    const finer = (point) => place(point).map((value) => value * FINER)
    trace(draw, this.strokes, finer, THICK * Math.max(width, height) * FINER)
    const { data } = draw.getImageData(0, 0, width * FINER, height * FINER)
    const grey = new Float32Array(width * height)
    for (let i = 0; i < data.length / 4; i++) {
      const [x, y] = [Math.floor((i % (width * FINER)) / FINER), Math.floor(i / (width * FINER) / FINER)]
      grey[y * width + x] += data[4 * i + 3] / 255 / FINER ** 2
    }
    return grey
  }
}

const trace = (draw, strokes, place, width, ink = "#ffffff") => {
  draw.strokeStyle = draw.fillStyle = ink
  draw.lineWidth = width
  draw.lineCap = draw.lineJoin = "round"
  for (const stroke of strokes) {
    draw.beginPath()
    stroke.map(place).forEach(([x, y], i) => (i ? draw.lineTo(x, y) : draw.moveTo(x, y)))
    if (stroke.length === 1) draw.lineTo(...place(stroke[0]))
    draw.stroke()
  }
}

// The middle of an image's mass, in pixels
const massOf = (grey, width) => {
  let [sum, x, y] = [1e-9, 0, 0]
  grey.forEach((value, i) => {
    sum += value
    x += value * ((i % width) + 0.5)
    y += value * (Math.floor(i / width) + 0.5)
  })
  return [x / sum, y / sum]
}

// A pixel of an original in its brightest channel, from 0 to 255
const brightest = ({ originals, pixels, shape: [channels, height, width] }, image, pixel) => {
  let most = 0
  for (let channel = 0; channel < channels; channel++) {
    most = Math.max(most, originals[image * pixels + channel * height * width + pixel])
  }
  return most
}

// The mean colour of what is drawn in the first original, as #rrggbb; white of grey images
const inkOf = (film) => {
  const { originals, shape: [channels, height, width] } = film
  const plane = height * width
  const drawn = Array.from({ length: plane }, (_, pixel) => pixel).filter((pixel) => brightest(film, 0, pixel) >= INK * 255)
  if (channels === 1 || !drawn.length) return "#ffffff"
  const mean = (channel) => drawn.reduce((sum, pixel) => sum + originals[channel * plane + pixel], 0) / drawn.length
  return `#${[0, 1, 2].map((channel) => Math.round(mean(channel)).toString(16).padStart(2, "0")).join("")}`
}

// The longer side of the box around an image, as a share of the image's: the median of the originals
const typicalBox = (film) => {
  const { images, shape: [, height, width] } = film
  const longer = []
  for (let n = 0; n < images; n++) {
    const ends = { x: [], y: [] }
    for (let i = 0; i < width * height; i++) {
      if (brightest(film, n, i) < INK * 255) continue
      ends.x.push(i % width)
      ends.y.push(Math.floor(i / width))
    }
    if (ends.x.length) {
      longer.push(Math.max(...[ends.x, ends.y].map((values) => Math.max(...values) - Math.min(...values) + 1)) / Math.max(width, height))
    }
  }
  longer.sort((a, b) => a - b)
  return longer.length ? longer[longer.length >> 1] : 0.7
}
