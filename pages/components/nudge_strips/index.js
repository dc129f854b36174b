// Pictures of nudged codes, drawn here while the size is dragged.
// data (packing.py): { key, shape, size, unit, units: { name: { title, sizes, meaning } }, variants: [{ variant, … }],
//   names: [K], of the images }
// arrays: originals (K, P) uint8; for each variant z (K, D) and, by unit, (K, D): a nudge of size s is z + s · step
const COLUMNS = 10 // sizes from 0 to the chosen one

const words = (value) => (value === 0 ? "0" : value >= 100 ? value.toFixed(0) : value.toPrecision(value >= 1 ? 3 : 2))

class Nudges {
  constructor(root) {
    this.root = root
    this.many = false // all images, one nudge each, instead of growing nudges of one
    this.image = 0
    this.drawn = 0
    this.slider = root.querySelector("[name=size]")
    this.slider.addEventListener("input", () => this.request())
    this.slider.addEventListener("change", () => this.send("size", this.size))
    this.announcer = new Announcer(root.querySelector(".heard"), () => this.tell())
  }

  // The slider is logarithmic: a nudge that can just be seen and one that changes everything are decades apart.
  get size() {
    const [low, high] = this.units[this.unit].sizes.map(Math.log)
    return Number(Math.exp(low + Number(this.slider.value) * (high - low)).toPrecision(3))
  }

  get amount() {
    return `${words(this.size)} ${this.units[this.unit].title}`
  }

  set size(value) {
    const [low, high] = this.units[this.unit].sizes.map(Math.log)
    this.slider.value = (Math.log(value) - low) / (high - low)
  }

  show(data, send) {
    const { unit, size, ...rest } = unpack(data)
    Object.assign(this, rest, { send, decoders: null })
    this.unit ??= unit // what is shown is what was clicked last, though the server's answer may be older
    if (!this.rows) this.size = size
    this.count = this.arrays.originals.shape[0]
    this.image = Math.min(this.image, this.count - 1)
    const laid = JSON.stringify([this.variants, this.units, this.names, this.shape])
    if (laid !== this.laid) {
      this.layUnits()
      this.lay()
    }
    this.laid = laid
    this.paintOriginals()
    this.request()
    this.stopWaiting?.()
    this.stopWaiting = whenDecoders(this.key, (decoders) => {
      this.decoders = decoders
      this.request()
    })
  }

  tile(holder) {
    const tile = document.createElement("div")
    tile.className = "tile"
    const canvas = document.createElement("canvas")
    canvas.width = this.shape[2]
    canvas.height = this.shape[1]
    const caption = document.createElement("div")
    tile.append(canvas, caption)
    holder.append(tile)
    return { canvas, caption }
  }

  choose(unit) {
    const { size } = this
    this.unit = unit
    this.size = size // as near as the other slider comes to it
    this.root.querySelector(".meaning").textContent = this.units[unit].meaning
    this.layStrips()
    this.send("unit", unit)
  }

  layUnits() {
    const names = Object.keys(this.units)
    const buttons = names.map((name) => {
      const button = document.createElement("button")
      button.textContent = this.units[name].title
      return button
    })
    radios(this.root.querySelector(".units"), buttons, names.indexOf(this.unit), (place) => this.choose(names[place]))
    this.root.querySelector(".meaning").textContent = this.units[this.unit].meaning
  }

  lay() {
    this.layOriginals()
    this.layStrips()
  }

  // One of the images, or all of them.
  layOriginals() {
    const originals = this.root.querySelector(".originals")
    originals.style.setProperty("--columns", this.count)
    const buttons = this.names.map((name) => {
      const image = document.createElement("button")
      image.setAttribute("aria-label", name)
      this.tile(image)
      return image
    })
    const all = document.createElement("button")
    all.className = "all"
    all.textContent = `all ${this.count}`
    radios(originals, [...buttons, all], this.many ? this.count : this.image, (place) => {
      const many = place === this.count
      if (!many) this.image = place
      if (many === this.many) return this.request()
      this.many = many
      this.layStrips()
    })
    this.paintOriginals()
  }

  layStrips() {
    const { many } = this
    this.rows = []
    const strips = this.root.querySelector(".strips")
    strips.replaceChildren()
    for (const spec of this.variants) {
      const strip = document.createElement("div")
      strip.className = "strip"
      strip.style.setProperty("--colour", spec.colour)
      strip.innerHTML = `<div class="title"></div>`
      strip.firstChild.textContent = spec.title
      strips.append(strip)
      if (!this.arrays[`${spec.variant}.${this.unit}`]) {
        strip.append("has no such unit: its codes have no σ.")
        continue
      }
      const heading = strip.firstChild.appendChild(document.createElement("span"))
      for (const nudged of many ? [false, true] : [true]) {
        const tiles = document.createElement("div")
        tiles.className = "tiles"
        tiles.setAttribute("role", "img")
        tiles.setAttribute("aria-label", spec.title) // what they show is told once they are drawn
        const columns = many ? this.count : COLUMNS
        tiles.style.setProperty("--columns", columns)
        strip.append(tiles)
        this.rows.push({ ...spec, nudged, heading, holder: tiles, tiles: Array.from({ length: columns }, () => this.tile(tiles)) })
      }
    }
    this.request()
  }

  paintOriginals() {
    const pixels = this.shape.reduce((a, b) => a * b)
    this.root.querySelectorAll(".originals canvas").forEach((canvas, i) => {
      paint(canvas, Array.from(this.arrays.originals.data.subarray(i * pixels, (i + 1) * pixels), (grey) => grey / 255))
    })
  }

  request() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.frame())
  }

  frame() {
    this.waiting = 0
    if (!this.rows) return
    const started = performance.now()
    this.root.querySelector("output").textContent = this.amount
    this.slider.setAttribute("aria-valuetext", this.amount) // its own value is a share of its length
    if (!this.decoders) return
    for (const row of this.rows) this.draw(row)
    this.root.dataset.drawn = ++this.drawn // what the browser tests read
    this.root.dataset.spent = (performance.now() - started).toFixed(2)
    this.announcer.changed()
  }

  // What the strips show, in words: a name for each row of pictures, and all of it for who changed something.
  tell() {
    const { many } = this
    const said = this.rows.map(({ title, nudged, holder, tiles }) => {
      const what = many ? `${tiles.length} images` : this.names[this.image]
      const changes = tiles.map(({ caption }) => caption.textContent.replace("Δ ", "")).join(", ")
      const how = nudged ? `nudged by ${many ? "" : "0 to "}${this.amount}. Pixel RMSE ${changes}` : "as they are"
      const name = `${title}: ${what}, ${how}.`
      holder.setAttribute("aria-label", name)
      return nudged ? name : ""
    })
    return said.filter(Boolean).join(" ")
  }

  draw({ variant, nudged, heading, tiles }) {
    const z = this.arrays[`${variant}.z`]
    const step = this.arrays[`${variant}.${this.unit}`].data
    const latent = z.shape[1]
    const { many } = this
    const decode = (image, size) => {
      const from = image * latent
      return this.decoders[variant].run(Array.from({ length: latent }, (_, d) => z.data[from + d] + size * step[from + d]))
    }
    let before = many ? null : Float64Array.from(decode(this.image, 0))
    tiles.forEach(({ canvas, caption }, n) => {
      const size = many ? (nudged ? this.size : 0) : (this.size * n) / (tiles.length - 1)
      const image = many ? n : this.image
      if (many) before = Float64Array.from(decode(image, 0))
      const grey = decode(image, size)
      paint(canvas, grey)
      let sum = 0
      for (let i = 0; i < grey.length; i++) sum += (grey[i] - before[i]) ** 2
      const rmse = Math.sqrt(sum / grey.length)
      caption.textContent = many && !nudged ? "" : `Δ ${rmse.toFixed(3)}`
      if (n === tiles.length - 1 && !many) heading.textContent = `: pixel RMSE ${rmse.toFixed(3)} at the right end`
    })
    if (many) heading.textContent = nudged ? ": as they are, and nudged" : ""
  }

  close() {
    this.stopWaiting?.()
    this.announcer.close()
    cancelAnimationFrame(this.waiting)
  }
}

export default ({ data, parentElement, setStateValue }) => {
  const root = parentElement.querySelector(".nudges")
  root.nudges ??= new Nudges(root)
  root.nudges.show(data, setStateValue)
  return () => {
    root.nudges.close()
    delete root.nudges
  }
}
