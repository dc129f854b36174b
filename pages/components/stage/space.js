// One space of the stage: the codes of one model at the moment shown, what is drawn over them, and the pointer.
const STEP = 0.03 // of the view, per arrow key; ten times as much with shift
const NEUTRAL = "138,143,152"

class Space {
  constructor(stage, root) {
    Object.assign(this, { stage, root, size: 0 })
    this.canvas = root.querySelector(".space")
    this.listen()
  }

  // From now on the space of this model.
  of(spec) {
    if (this.spec?.variant === spec.variant) return
    this.spec = spec
    this.codes = null
    this.z = null
  }

  get film() { return this.stage.film }
  get variant() { return this.spec.variant }
  get flat() { return this.film.flat }
  get panel() { return this.stage.planes?.[this.variant] } // where points of the picture lie in the code's space
  // What is seen: { centre, half of its side, length of the scale bar in units of code, its words }.
  get window() { return this.film.windows[this.variant][this.stage.scale] }
  // The height of a one-dimensional code is its class's, which knows no scale.
  get upright() { return this.flat ? this.film.windows[this.variant].own : this.window }

  x(u) { return ((u - this.window.centre[0]) / this.window.half + 1) * this.size / 2 }
  y(v) { return (1 - (v - this.upright.centre[1]) / this.upright.half) * this.size / 2 }
  length(d) { return (d / this.window.half) * this.size / 2 }
  // The place that lies so many halves of a side right of and above the middle
  place(right, up) {
    const { window, upright } = this
    return [window.centre[0] + right * window.half, upright.centre[1] + up * upright.half]
  }

  listen() {
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect()
      const right = ((event.clientX - box.left) / box.width) * 2 - 1
      const up = 1 - ((event.clientY - box.top) / box.height) * 2
      this.stage.point(this, ...this.place(right, up))
    }
    this.canvas.addEventListener("pointermove", at)
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.focus({ preventScroll: true })
      at(event)
      this.down = [event.clientX, event.clientY]
    })
    this.canvas.addEventListener("pointerup", (event) => {
      const [x, y] = this.down ?? [Infinity, Infinity]
      if (Math.hypot(event.clientX - x, event.clientY - y) < 6) this.stage.pin() // a tap, not a drag
    })
    this.canvas.addEventListener("focus", () => this.stage.need())
    this.canvas.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }
      if (event.key === "Enter" || event.key === " ") this.stage.pin()
      else if (moves[event.key]) {
        const step = STEP * this.window.half * (event.shiftKey ? 10 : 1)
        const [u, v] = this.at
        this.stage.point(this, u + step * moves[event.key][0], v + step * moves[event.key][1])
      } else return
      event.preventDefault()
    })
  }

  fit(size) {
    if (this.size !== size || this.canvas.width < 2) {
      this.size = size
      sharpen(this.canvas, size, size)
    }
    this.canvas.setAttribute(
      "aria-label",
      `Codes of the ${this.spec.title}, ${this.film.labels.length} images. Arrow keys move, with Shift further; Enter pins.`,
    )
  }

  // Where each code is now: [u, v, u, v, …]. In one dimension its class is its height.
  now() {
    const { film, stage } = this
    const { labels } = film
    const first = film.frames[0].spaces[this.variant].codes
    if (this.codes?.length !== first.length) this.codes = new Float32Array(first.length)
    film.codes(this.variant, stage.t, this.codes)
    if (!this.flat) return
    const { centre, half } = this.upright
    for (let i = 0; i < labels.length; i++) {
      this.codes[2 * i + 1] = centre[1] + 0.9 * half * (((labels[i] + 0.5) / film.classes.length) * 2 - 1)
    }
  }

  draw() {
    if (!this.size) return
    this.now()
    const draw = this.canvas.getContext("2d")
    const { layers, type, family } = this.stage
    draw.font = `${type}px ${family}`
    draw.clearRect(0, 0, this.size, this.size)
    const map = this.stage.maps.draw(this, draw)
    this.drawGrid(draw)
    if (layers.ellipses && this.panel?.ellipses) this.drawEllipses(draw)
    this.drawCodes(draw, map ? 0.55 : 0.8)
    if (layers.prior && this.spec.known) this.drawPrior(draw)
    if (this.film.classes.length > 1) this.drawPlates(draw)
    this.drawBar(draw)
    this.drawPin(draw)
    this.drawPointer(draw)
  }

  drawCodes(draw, alpha) {
    const { labels, palette } = this.film
    const count = labels.length
    const radius = Math.max(1.3, (this.size / 300) * (count > 600 ? 1.7 : 2.6))
    draw.globalAlpha = alpha
    for (let label = 0; label < this.film.classes.length; label++) {
      draw.fillStyle = palette[label % palette.length]
      draw.beginPath()
      for (let i = 0; i < count; i++) {
        if (labels[i] !== label || Number.isNaN(this.codes[2 * i])) continue
        const [x, y] = [this.x(this.codes[2 * i]), this.y(this.codes[2 * i + 1])]
        draw.moveTo(x + radius, y)
        draw.arc(x, y, radius, 0, 7)
      }
      draw.fill()
    }
    draw.globalAlpha = 1
  }

  drawGrid(draw) {
    const { centre, half } = this.window
    const raw = half / 1.5
    const power = 10 ** Math.floor(Math.log10(raw))
    const step = power * (raw / power >= 5 ? 5 : raw / power >= 2 ? 2 : 1)
    const { ink, type } = this.stage
    const digits = Math.max(0, -Math.floor(Math.log10(step)))
    const words = (value) => (Math.abs(value) < step / 2 ? 0 : value).toFixed(digits).replace("-", "−")
    draw.lineWidth = 1
    draw.strokeStyle = `rgba(${NEUTRAL},0.22)`
    draw.fillStyle = ink
    draw.globalAlpha = 0.75
    draw.textAlign = "center"
    draw.beginPath()
    for (let u = Math.ceil((centre[0] - half) / step) * step; u < centre[0] + half; u += step) {
      draw.moveTo(this.x(u), 0)
      draw.lineTo(this.x(u), this.size)
      if (this.x(u) > 2 * type && this.x(u) < this.size - 2 * type) draw.fillText(words(u), this.x(u), this.size - 5)
    }
    draw.textAlign = "left"
    for (let v = Math.ceil((centre[1] - half) / step) * step; !this.flat && v < centre[1] + half; v += step) {
      draw.moveTo(0, this.y(v))
      draw.lineTo(this.size, this.y(v))
      if (this.y(v) > type && this.y(v) < this.size - 2 * type) draw.fillText(words(v), 4, this.y(v) - 3)
    }
    draw.stroke()
    draw.globalAlpha = 1
  }

  drawEllipses(draw) {
    const { ellipses } = this.panel // (m, 5): centre, then xx, xy, yy of the covariance
    draw.strokeStyle = this.spec.colour
    draw.lineWidth = 1.2
    draw.globalAlpha = 0.85
    for (let i = 0; i < ellipses.length; i += 5) {
      const [u, v, xx, xy, yy] = ellipses.subarray(i, i + 5)
      const middle = (xx + yy) / 2
      const apart = Math.hypot((xx - yy) / 2, xy)
      const long = this.length(Math.sqrt(Math.max(middle + apart, 0)))
      const short = this.length(Math.sqrt(Math.max(middle - apart, 0)))
      draw.beginPath()
      draw.ellipse(this.x(u), this.y(v), long, short, -0.5 * Math.atan2(2 * xy, xx - yy), 0, 7)
      draw.stroke()
    }
    draw.globalAlpha = 1
  }

  drawPrior(draw) {
    const { film } = this
    const { ink, type } = this.stage
    const [u0, v0] = film.prior(this.variant, this.stage.t)
    draw.strokeStyle = draw.fillStyle = ink
    draw.lineWidth = 1.5
    for (const ring of film.rings) {
      const last = ring === film.rings.at(-1)
      const name = last ? `N(0, I), ${ring} std` : `${ring} std`
      const room = last || this.length(1) > 1.6 * type // between the circles, for a name
      const [x, y, radius] = [this.x(u0), this.y(v0), this.length(ring)]
      draw.setLineDash([5, 4])
      draw.beginPath()
      if (this.flat) {
        for (const u of [u0 - ring, u0 + ring]) {
          draw.moveTo(this.x(u), 0)
          draw.lineTo(this.x(u), this.size)
        }
      } else draw.arc(x, y, radius, 0, 7)
      draw.stroke()
      draw.textAlign = this.flat ? "right" : "center"
      if (room && this.flat) haloed(draw, name, this.x(u0 + ring) - 3, (last ? 1 : 2.2) * type)
      else if (room) haloed(draw, name, x, Math.max(y - radius - 4, type))
    }
    draw.setLineDash([])
    draw.lineWidth = 1
  }

  // A round length of code, in the lower right corner.
  drawBar(draw) {
    const { bar, words } = this.window
    const { ink, type } = this.stage
    const [right, y] = [this.size - 10, this.size - type - 10]
    draw.fillStyle = ink
    draw.fillRect(right - this.length(bar), y, this.length(bar), 4)
    draw.textAlign = "right"
    haloed(draw, words, right, y - 5)
  }

  // A name at the median of each class, where there is room for most of them
  drawPlates(draw) {
    const { film, stage } = this
    const { type, family } = stage
    const side = type * 1.35
    const plates = []
    for (let label = 0; label < film.classes.length; label++) {
      const middle = [0, 1].map((axis) => median(this.codes, film.labels, label, axis))
      if (!Number.isNaN(middle[0])) plates.push([label, this.x(middle[0]), this.y(middle[1])])
    }
    const near = ([, x, y], [, a, b]) => Math.max(Math.abs(x - a), Math.abs(y - b)) < side
    const covered = plates.filter((plate) => plates.some((other) => other !== plate && near(plate, other)))
    if (covered.length > plates.length / 2) return
    draw.font = `700 ${type}px ${family}`
    draw.textAlign = "center"
    draw.textBaseline = "middle"
    draw.lineWidth = 1.5
    for (const [label, x, y] of plates) {
      const width = draw.measureText(film.classes[label]).width + type * 0.6
      draw.fillStyle = "rgba(255,255,255,0.86)"
      draw.strokeStyle = film.palette[label % film.palette.length]
      draw.beginPath()
      draw.roundRect(x - width / 2, y - side / 2, width, side, 4)
      draw.fill()
      draw.stroke()
      draw.fillStyle = "#111"
      draw.fillText(film.classes[label], x, y + 1)
    }
    draw.textBaseline = "alphabetic"
    draw.font = `${type}px ${family}`
    draw.lineWidth = 1
  }

  drawPin(draw) {
    const pinned = this.stage.pinned?.[this.variant]
    if (!pinned) return
    const [x, y] = [this.x(pinned[0]), this.y(pinned[1])]
    draw.fillStyle = this.spec.colour
    draw.strokeStyle = "#fff"
    draw.lineWidth = 2
    draw.beginPath()
    draw.moveTo(x, y)
    draw.bezierCurveTo(x - 12, y - 14, x - 8, y - 26, x, y - 26)
    draw.bezierCurveTo(x + 8, y - 26, x + 12, y - 14, x, y)
    draw.fill()
    draw.stroke()
    draw.lineWidth = 1
  }

  drawPointer(draw) {
    if (!this.at || Number.isNaN(this.at[0])) return
    const keep = (c) => Math.min(Math.max(c, 7), this.size - 7) // outside the view it waits at the edge
    const [x, y] = [keep(this.x(this.at[0])), keep(this.y(this.at[1]))]
    for (const [width, colour] of [[5, "#fff"], [2.5, this.spec.colour]]) {
      draw.lineWidth = width
      draw.strokeStyle = colour
      draw.beginPath()
      draw.arc(x, y, 7, 0, 7)
      draw.moveTo(x - 13, y)
      draw.lineTo(x - 4, y)
      draw.moveTo(x + 4, y)
      draw.lineTo(x + 13, y)
      draw.stroke()
    }
    draw.lineWidth = 1
  }

  // The code at the pointer, (D,); null while nobody knows where the picture lies in the code's space
  code() {
    const { panel } = this
    if (!panel) return null
    const [u, v] = this.at
    return panel.origin.map((middle, i) => middle + u * panel.axes[0][i] + (this.flat ? 0 : v * panel.axes[1][i]))
  }
}

const median = (codes, labels, label, axis) => {
  const values = []
  for (let i = 0; i < labels.length; i++) if (labels[i] === label && !Number.isNaN(codes[2 * i])) values.push(codes[2 * i + axis])
  values.sort((a, b) => a - b)
  const half = values.length >> 1
  return values.length ? (values.length % 2 ? values[half] : (values[half - 1] + values[half]) / 2) : NaN
}
