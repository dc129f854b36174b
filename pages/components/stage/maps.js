// Sensitivity maps behind the codes: how much a picture changes with the code, measured at places of each window.
class Maps {
  constructor(stage, bar) {
    Object.assign(this, { stage, bar, measured: null }) // measured: { arrays, ranges, windows } of the epoch at rest
  }

  get kind() { return this.stage.layers.map }

  // Maps hold natural logarithms. Per standard deviation of the codes they are shifted by its own.
  shift(variant) {
    if (this.stage.scale === "same") return 0
    return Math.log(this.stage.planes[variant].spread) * (this.kind === "area" && !this.stage.film.flat ? 2 : 1)
  }

  // One range for all models
  range() {
    const ends = this.stage.models.map(({ spec: { variant } }) =>
      this.measured.ranges[this.kind][variant].map((end) => end + this.shift(variant)),
    )
    return [Math.min(...ends.map(([low]) => low)), Math.max(...ends.map(([, high]) => high))]
  }

  // Whether there was one to draw
  draw(space, draw) {
    const map = this.stage.planes && this.measured?.arrays[`${space.variant}.${this.kind}`]?.data
    if (!map) return false
    const [low, high] = this.range()
    const shift = this.shift(space.variant)
    const values = new Float32Array(map.length * 3)
    map.forEach((value, i) =>
      warm((value + shift - low) / (high - low || 1)).forEach((c, channel) => (values[channel * map.length + i] = c)),
    )
    const canvas = document.createElement("canvas")
    canvas.width = canvas.height = Math.round(Math.sqrt(map.length))
    paint(canvas, values, { white: 255 })
    draw.imageSmoothingEnabled = true
    const { centre, half } = this.measured.windows[space.variant] // where it was measured
    const [left, right] = [space.x(centre[0] - half), space.x(centre[0] + half)]
    const [top, bottom] = space.flat ? [0, space.size] : [space.y(centre[1] + half), space.y(centre[1] - half)]
    draw.drawImage(canvas, left, top, right - left, bottom - top)
    return true
  }

  legend() {
    this.bar.hidden = this.kind === "none" || !this.measured || !this.stage.planes
    if (this.bar.hidden) return
    const [low, high] = this.range()
    const stops = [0, 0.2, 0.4, 0.6, 0.8, 1].map((t) => `rgb(${warm(t)})`).join(",")
    const part = (name) => this.bar.querySelector(name)
    part(".bar").style.background = `linear-gradient(90deg, ${stops})`
    part(".low").textContent = Math.exp(low).toPrecision(2)
    part(".high").textContent = Math.exp(high).toPrecision(2)
    const per = this.stage.scale === "same" ? "per unit of code" : "per standard deviation of the codes"
    part(".per").textContent = `${per}, logarithmic, one scale for both`
  }
}

const COLD_TO_WARM = [[26, 26, 60], [60, 40, 120], [140, 50, 120], [215, 90, 80], [245, 160, 60], [252, 240, 170]]
const warm = (t) => {
  const at = Math.min(Math.max(t, 0), 1) * (COLD_TO_WARM.length - 1)
  const i = Math.min(Math.floor(at), COLD_TO_WARM.length - 2)
  return COLD_TO_WARM[i].map((c, n) => Math.round(c + (at - i) * (COLD_TO_WARM[i + 1][n] - c)))
}
