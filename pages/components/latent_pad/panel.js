// One space of the pad: its codes, what is drawn over them, and the decoder's picture at the pointer.
const STEP = 0.03 // of the view, per arrow key; ten times as much with shift
const NEUTRAL = "138,143,152"

const COLD_TO_WARM = [[26, 26, 60], [60, 40, 120], [140, 50, 120], [215, 90, 80], [245, 160, 60], [252, 240, 170]]
const warm = (t) => {
  const at = Math.min(Math.max(t, 0), 1) * (COLD_TO_WARM.length - 1)
  const i = Math.min(Math.floor(at), COLD_TO_WARM.length - 2)
  return COLD_TO_WARM[i].map((c, n) => Math.round(c + (at - i) * (COLD_TO_WARM[i + 1][n] - c)))
}

class Panel {
  constructor(pad, spec, arrays) {
    Object.assign(this, { pad }, spec)
    this.codes = arrays[`${spec.variant}.codes`].data // (n, 2)
    this.ellipses = arrays[`${spec.variant}.ellipses`]?.data // (m, 5): centre, then xx, xy, yy of the covariance
    this.maps = { area: arrays[`${spec.variant}.area`]?.data, norm: arrays[`${spec.variant}.norm`]?.data }
    this.z = new Float32Array(this.origin.length)
    this.root = document.createElement("div")
    this.root.className = "panel"
    this.root.style.setProperty("--colour", this.colour)
    this.root.innerHTML =
      `<div class="name"></div><canvas class="space" tabindex="0" role="application"></canvas>` +
      `<div class="decoded"><canvas class="picture" role="img"></canvas><div class="words"></div></div>`
    this.root.querySelector(".name").textContent = this.title
    this.space = this.root.querySelector(".space")
    this.space.setAttribute(
      "aria-label",
      `Codes of the ${this.title}, ${pad.labels.length} images. Arrow keys move, with Shift further; Enter pins.`,
    )
    this.picture = this.root.querySelector(".picture")
    this.picture.setAttribute("aria-label", this.title) // what it shows is told once it is drawn
    this.picture.width = pad.shape[2]
    this.picture.height = pad.shape[1]
    this.words = this.root.querySelector(".words")
    this.still = document.createElement("canvas") // all that does not move with the pointer
    this.listen()
  }

  // What is seen: { centre, half of its side, length of the scale bar in code units, its words }.
  get window() {
    return this.windows[this.pad.scale]
  }

  listen() {
    const at = (event) => {
      const box = this.space.getBoundingClientRect()
      const right = ((event.clientX - box.left) / box.width) * 2 - 1
      const up = 1 - ((event.clientY - box.top) / box.height) * 2
      this.pad.point(this, ...this.code(right, up))
    }
    this.space.addEventListener("pointermove", at)
    this.space.addEventListener("pointerdown", (event) => {
      this.space.focus({ preventScroll: true })
      at(event)
      this.down = [event.clientX, event.clientY]
    })
    this.space.addEventListener("pointerup", (event) => {
      const [x, y] = this.down ?? [Infinity, Infinity]
      if (Math.hypot(event.clientX - x, event.clientY - y) < 6) this.pad.pin() // a tap, not a drag
    })
    this.space.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }
      if (event.key === "Enter" || event.key === " ") this.pad.pin()
      else if (moves[event.key]) {
        const step = STEP * this.window.half * (event.shiftKey ? 10 : 1)
        const [x, y] = this.at ?? this.centre
        this.pad.point(this, x + step * moves[event.key][0], y + step * moves[event.key][1])
      } else return
      event.preventDefault()
    })
  }

  // The height of a one-dimensional code is its class's, which knows no scale.
  get upright() { return this.flat ? this.windows.own : this.window }
  x(u) { return ((u - this.window.centre[0]) / this.window.half + 1) * this.size / 2 }
  y(v) { return (1 - (v - this.upright.centre[1]) / this.upright.half) * this.size / 2 }
  length(d) { return (d / this.window.half) * this.size / 2 }
  // Of a place, in shares of half a side from the middle.
  code(right, up) {
    const { window, upright } = this
    return [window.centre[0] + right * window.half, upright.centre[1] + up * upright.half]
  }

  fit() {
    const size = Math.round(this.space.clientWidth)
    const scale = window.devicePixelRatio || 1
    this.size = size
    for (const canvas of [this.space, this.still]) {
      canvas.width = canvas.height = Math.max(1, Math.round(size * scale))
      canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0)
    }
    this.drawStill()
  }

  drawStill() {
    if (!this.size) return
    const draw = this.still.getContext("2d")
    const { layers } = this.pad
    this.ink = getComputedStyle(this.root).color
    draw.clearRect(0, 0, this.size, this.size)
    const map = this.maps[layers.map]
    if (map) this.drawMap(draw, map, layers.map)
    this.drawGrid(draw)
    if (layers.ellipses && this.ellipses) this.drawEllipses(draw)
    const many = this.codes.length > 1200 // on a phone 2,000 points of the same size would be one blot
    const radius = (this.size < 250 ? 1.3 : 2) * (many ? 1 : 1.4)
    for (let i = 0; i < this.pad.labels.length; i++) {
      draw.fillStyle = this.pad.palette[this.pad.labels[i] % this.pad.palette.length]
      draw.globalAlpha = map ? 0.55 : 0.75
      draw.beginPath()
      draw.arc(this.x(this.codes[2 * i]), this.y(this.codes[2 * i + 1]), radius, 0, 7)
      draw.fill()
    }
    draw.globalAlpha = 1
    if (layers.prior) this.drawPrior(draw)
    if (!this.crowded()) this.drawPlates(draw)
    this.drawPin(draw)
    this.drawBar(draw)
  }

  drawMap(draw, map, kind) {
    const side = Math.round(Math.sqrt(map.length))
    const canvas = new OffscreenCanvas(side, side)
    const image = new ImageData(side, side)
    const [low, high] = this.pad.mapRange(kind)
    const shift = this.pad.mapShift(this, kind)
    for (let i = 0; i < map.length; i++) {
      const colour = warm((map[i] + shift - low) / (high - low || 1))
      image.data.set([...colour, 190], 4 * i)
    }
    canvas.getContext("2d").putImageData(image, 0, 0)
    draw.imageSmoothingEnabled = true
    const { centre, half } = this.windows.own // which is what was measured
    const [left, right] = [this.x(centre[0] - half), this.x(centre[0] + half)]
    const [top, bottom] = [this.y(centre[1] + half), this.y(centre[1] - half)]
    draw.drawImage(canvas, left, top, right - left, bottom - top)
  }

  drawGrid(draw) {
    const { centre, half } = this.window
    const raw = half / 2
    const power = 10 ** Math.floor(Math.log10(raw))
    const step = power * (raw / power >= 5 ? 5 : raw / power >= 2 ? 2 : 1)
    draw.strokeStyle = `rgba(${NEUTRAL},0.22)`
    draw.fillStyle = this.ink
    draw.globalAlpha = 0.75
    draw.font = `11px ${getComputedStyle(this.root).fontFamily}`
    draw.textAlign = "center"
    const digits = Math.max(0, -Math.floor(Math.log10(step)))
    for (let u = Math.ceil((centre[0] - half) / step) * step; u < centre[0] + half; u += step) {
      draw.beginPath()
      draw.moveTo(this.x(u), 0)
      draw.lineTo(this.x(u), this.size)
      draw.stroke()
      if (this.x(u) > 20 && this.x(u) < this.size - 20) {
        draw.fillText((Math.abs(u) < step / 2 ? 0 : u).toFixed(digits).replace("-", "−"), this.x(u), this.size - 4)
      }
    }
    draw.textAlign = "left"
    for (let v = Math.ceil((centre[1] - half) / step) * step; !this.flat && v < centre[1] + half; v += step) {
      draw.beginPath()
      draw.moveTo(0, this.y(v))
      draw.lineTo(this.size, this.y(v))
      draw.stroke()
      if (this.y(v) > 12 && this.y(v) < this.size - 18) {
        draw.fillText((Math.abs(v) < step / 2 ? 0 : v).toFixed(digits).replace("-", "−"), 4, this.y(v) - 3)
      }
    }
    draw.globalAlpha = 1
  }

  drawEllipses(draw) {
    draw.strokeStyle = this.colour
    draw.globalAlpha = 0.85
    for (let i = 0; i < this.ellipses.length; i += 5) {
      const [u, v, xx, xy, yy] = this.ellipses.subarray(i, i + 5)
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
    const { rings } = this.pad
    draw.strokeStyle = draw.fillStyle = this.ink
    draw.setLineDash([5, 4])
    draw.font = `11px ${getComputedStyle(this.root).fontFamily}`
    for (const ring of rings) {
      const last = ring === rings.at(-1)
      const name = last ? `N(0, I), ${ring} std` : `${ring} std`
      const room = last || this.length(1) > 20 // between the circles, for a name
      draw.textAlign = this.flat ? "right" : "center"
      if (this.flat) {
        for (const u of [-ring, ring]) {
          draw.beginPath()
          draw.moveTo(this.x(u), 0)
          draw.lineTo(this.x(u), this.size)
          draw.stroke()
        }
        if (room) draw.fillText(name, this.x(ring) - 3, last ? 12 : 26)
        continue
      }
      const [x, y, radius] = [this.x(this.prior[0]), this.y(this.prior[1]), this.length(ring)]
      draw.beginPath()
      draw.arc(x, y, radius, 0, 7)
      draw.stroke()
      if (room) draw.fillText(name, x, y - radius - 3)
    }
    draw.setLineDash([])
  }

  // A round length of code, in the lower right corner.
  drawBar(draw) {
    const { bar, words } = this.window
    const [right, y] = [this.size - 10, this.size - 22]
    draw.fillStyle = this.ink
    draw.fillRect(right - this.length(bar), y, this.length(bar), 4)
    draw.font = `11px ${getComputedStyle(this.root).fontFamily}`
    draw.textAlign = "right"
    draw.fillText(words, right, y - 4)
  }

  // Whether most of the names would lie on another one
  crowded() {
    const side = this.size < 250 ? 14 : 18
    const near = ([, u, v], [, a, b]) => Math.max(Math.abs(this.length(u - a)), Math.abs(this.y(v) - this.y(b))) < side
    const covered = this.plates.filter((plate) => this.plates.some((other) => other !== plate && near(plate, other)))
    return covered.length > this.plates.length / 2
  }

  drawPlates(draw) {
    draw.font = `700 ${this.size < 250 ? 10 : 13}px ${getComputedStyle(this.root).fontFamily}`
    draw.textAlign = "center"
    draw.textBaseline = "middle"
    for (const [label, u, v] of this.plates) {
      const name = this.pad.classes[label]
      const width = draw.measureText(name).width + 8
      draw.fillStyle = "rgba(255,255,255,0.86)"
      draw.strokeStyle = this.pad.palette[label % this.pad.palette.length]
      draw.lineWidth = 1.5
      draw.beginPath()
      draw.roundRect(this.x(u) - width / 2, this.y(v) - 9, width, 18, 4)
      draw.fill()
      draw.stroke()
      draw.fillStyle = "#111"
      draw.fillText(name, this.x(u), this.y(v) + 1)
    }
    draw.textBaseline = "alphabetic"
    draw.lineWidth = 1
  }

  drawPin(draw) {
    const pinned = this.pad.pinned?.[this.variant]
    if (!pinned) return
    const [x, y] = [this.x(pinned[0]), this.y(pinned[1])]
    draw.fillStyle = this.colour
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

  drawPointer() {
    const draw = this.space.getContext("2d")
    draw.clearRect(0, 0, this.size, this.size)
    draw.drawImage(this.still, 0, 0, this.size, this.size)
    if (!this.at) return
    const keep = (c) => Math.min(Math.max(c, 7), this.size - 7) // outside the view it waits at the edge
    const [x, y] = [keep(this.x(this.at[0])), keep(this.y(this.at[1]))]
    for (const [width, colour] of [[5, "#fff"], [2.5, this.colour]]) {
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

  decode(decoder) {
    const [u, v] = this.at
    for (let i = 0; i < this.z.length; i++) this.z[i] = this.origin[i] + u * this.axes[0][i] + v * this.axes[1][i]
    return decoder.decode(this.z)
  }
}
