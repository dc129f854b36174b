// The same few images at every epoch: originals, from the mean, from a sample. Names stand beside the rows.
class Rebuilt {
  constructor(stage, root) {
    Object.assign(this, { stage, root })
    this.canvas = root.querySelector("canvas")
    this.names = root.querySelector(".row-names")
    this.canvas.addEventListener("click", (event) => {
      const box = this.canvas.getBoundingClientRect()
      this.stage.follow(Math.floor(((event.clientX - box.left) / box.width) * this.columns))
    })
  }

  // As many images as fit beside the names; `height` is that of three rows.
  fit(width, height) {
    const { film } = this.stage
    const side = Math.floor(height / 3)
    const ratio = film.shape[2] / film.shape[1]
    this.columns = Math.max(1, Math.min(film.images, Math.floor(width / (side * ratio))))
    Object.assign(this, { side, ratio })
    this.drawn = null
  }

  draw(spec) {
    const { film, t } = this.stage
    const frame = film.nearest(t)
    if (this.drawn === frame && this.spec === spec) return
    Object.assign(this, { drawn: frame, spec })
    const { pictures } = frame.spaces[spec.variant]
    const [, height, width] = film.shape
    const rows = [film.originals, ...pictures]
    this.canvas.width = this.columns * width
    this.canvas.height = rows.length * height
    this.canvas.style.width = `${this.columns * this.side * this.ratio}px`
    this.canvas.style.height = `${rows.length * this.side}px`
    rows.forEach((values, row) => {
      for (let i = 0; i < this.columns; i++) {
        const image = values.subarray(i * film.pixels, (i + 1) * film.pixels)
        paint(this.canvas, image, { x: i * width, y: row * height, width, height, white: 255 })
      }
    })
    const names = spec.rows.map((name) => Object.assign(document.createElement("span"), { textContent: name }))
    this.names.replaceChildren(...names)
    this.names.style.setProperty("--row", `${this.side}px`)
    this.canvas.setAttribute("aria-label", this.tell(spec, rows))
  }

  tell(spec, [originals, ...rows]) {
    const length = this.columns * this.stage.film.pixels
    const wrong = rows.map((values, row) => {
      let sum = 0
      for (let i = 0; i < length; i++) sum += ((values[i] - originals[i]) / 255) ** 2
      return `${spec.rows[row + 1]} ${Math.sqrt(sum / length).toFixed(3)}`
    })
    return `${spec.title}: ${spec.rows.join(", ")}, ${this.columns} images each. Pixel RMSE ${wrong.join(", ")}.`
  }
}
