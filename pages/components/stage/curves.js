// Loss curves of one model, on axes that all models share: the reconstruction above, the KL below, never added up by eye.
class Curves {
  constructor(stage, canvas) {
    Object.assign(this, { stage, canvas, width: 0, height: 0 })
  }

  fit(width, height) {
    Object.assign(this, { width, height })
    sharpen(this.canvas, width, height)
  }

  draw(variant, colour) {
    if (!this.width) return
    const { film, t, ink, type } = this.stage
    const draw = this.canvas.getContext("2d")
    draw.clearRect(0, 0, this.width, this.height)
    draw.font = `${type}px ${this.stage.family}`
    draw.lineJoin = "round"
    const gutter = type * 2.9 // for the numbers at the left
    const end = Math.max(film.learning ? film.planned : film.last, 1)
    const x = (epoch) => gutter + (epoch / end) * (this.width - gutter - 4)
    const split = Math.round(this.height * 0.6)
    const gap = type * 0.45
    this.plot(draw, { variant, colour, term: "reconstruction", name: "reconstruction", x, top: 2, bottom: split - gap / 2 })
    this.plot(draw, { variant, colour, term: "kl", name: "KL", x, top: split + gap / 2, bottom: this.height - 2 })
    draw.strokeStyle = ink
    draw.globalAlpha = 0.8
    draw.lineWidth = 1.5
    draw.beginPath()
    draw.moveTo(x(t), 0)
    draw.lineTo(x(t), this.height)
    draw.stroke()
    draw.globalAlpha = 1
  }

  plot(draw, { variant, colour, term, name, x, top, bottom }) {
    const { film, ink, type } = this.stage
    const [low, high] = film.ranges[term]
    const y = (value) => bottom - ((Math.min(value, high) - low) / (high - low)) * (bottom - top)
    draw.strokeStyle = `rgba(${NEUTRAL},0.35)`
    draw.lineWidth = 1
    draw.strokeRect(x(0) - 2.5, top + 0.5, this.width - x(0) + 1, bottom - top - 1)
    draw.fillStyle = ink
    draw.globalAlpha = 0.8
    draw.textAlign = "right"
    draw.textBaseline = "top"
    const short = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(0) : value.toFixed(1))
    draw.fillText(short(high), x(0) - 7, top)
    draw.textBaseline = "alphabetic"
    if (bottom - top > 2.2 * type) draw.fillText(short(low), x(0) - 7, bottom - 1)
    const points = film.frames.map(({ epoch, spaces }) => [epoch, spaces[variant].row[term]]).filter(([, v]) => v !== null)
    draw.globalAlpha = 1
    if (term === "reconstruction") {
      draw.strokeStyle = ink
      for (const [level, dashes] of [[film.floor, [2, 4]], [film.pca, [8, 4]]]) {
        if (level === null) continue
        draw.setLineDash(dashes)
        draw.beginPath()
        draw.moveTo(x(0) - 2, y(level))
        draw.lineTo(this.width, y(level))
        draw.stroke()
      }
      draw.setLineDash([])
    }
    draw.strokeStyle = draw.fillStyle = colour
    draw.lineWidth = Math.max(2.5, type / 7)
    draw.beginPath()
    points.forEach(([epoch, value], i) => (i ? draw.lineTo(x(epoch), y(value)) : draw.moveTo(x(epoch), y(value))))
    draw.stroke()
    const said = points.length || term !== "kl" ? name : "no KL"
    draw.fillStyle = ink
    if (term === "kl") haloed(draw, said, this.width - 8, bottom - 5) // a KL rises, a reconstruction falls
    else haloed(draw, said, this.width - 8, top + type)
    draw.fillStyle = colour
    if (points.length === 1) {
      draw.beginPath()
      draw.arc(x(points[0][0]), y(points[0][1]), 3, 0, 7)
      draw.fill()
    }
  }

  // For those who can't see them
  tell(variant, title) {
    const { film } = this.stage
    const { reconstruction, kl } = film.nearest(this.stage.t).spaces[variant].row
    const also = kl === null ? "" : `, KL ${kl.toFixed(2)} nats`
    const told = `${title}: losses by epoch. Here: reconstruction ${reconstruction?.toFixed(1)} ${film.loss}${also}.`
    const pca = film.pca === null ? "" : `, PCA ${film.pca.toFixed(1)}`
    this.canvas.setAttribute("aria-label", `${told} Predicting the mean image costs ${film.floor.toFixed(1)}${pca}.`)
  }
}

// Letters that can be read over lines and points
const haloed = (draw, words, x, y) => {
  const { strokeStyle, lineWidth } = draw
  draw.setLineDash([])
  Object.assign(draw, { strokeStyle: haloed.ground, lineWidth: 4, lineJoin: "round" })
  draw.strokeText(words, x, y)
  draw.fillText(words, x, y)
  Object.assign(draw, { strokeStyle, lineWidth })
}

// A canvas as sharp as the screen: sizes on the page in CSS pixels, drawn in the device's.
const sharpen = (canvas, width, height) => {
  const scale = window.devicePixelRatio || 1
  canvas.width = Math.max(1, Math.round(width * scale))
  canvas.height = Math.max(1, Math.round(height * scale))
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0)
}
