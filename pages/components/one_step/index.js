// One image through every station of its models, and one training step back, stage by stage.
// data (packing.py): { shape, names, image, draw, few, note, weight, terms, signs, stages: [[name, sentence]], rows: [{
//   variant, title, short, colour, path, samples, pays_kl, before, after: { codes, losses }, gradients }] }
// arrays: images (n, P) uint8; for each variant before and after (P,) uint8 and, where it is a picture, outputs (P,)
const SIGNS = { mu: "μ", std: "σ", eps: "ε", z: "z" }
const TERMS = { reconstruction: "reconstruction", kl: "KL", loss: "loss" }
const OPENS_AT = "weights" // all but what the step changes: the answer to the page's question

const element = (kind, classes, text) => {
  const made = document.createElement(kind)
  made.className = classes
  if (text !== undefined) made.textContent = text
  return made
}

class Steps {
  constructor(root) {
    this.root = root
    this.drawn = 0
    const step = (by) => () => this.go(this.at + by)
    root.querySelector(".first").addEventListener("click", () => this.go(0))
    root.querySelector(".back").addEventListener("click", step(-1))
    root.querySelector(".next").addEventListener("click", step(1))
    root.querySelector(".stepper").addEventListener("keydown", (event) => this.key(event))
    // Arrows also step while nothing has the focus: a lecturer's remote control.
    this.onPage = (event) => event.target === document.body && this.key(event)
    document.addEventListener("keydown", this.onPage)
    const rows = root.querySelector(".rows")
    this.resized = new ResizeObserver(() => reachable(rows))
    this.resized.observe(rows)
    this.announcer = new Announcer(root.querySelector(".heard"), () => this.sentence)
  }

  key(event) {
    const to = { ArrowRight: this.at + 1, ArrowLeft: this.at - 1 }[event.key]
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    this.go(to)
  }

  get stage() {
    return this.stages[this.at][0]
  }

  get sentence() {
    return `Step ${this.at + 1} of ${this.stages.length}. ${this.stages[this.at][1]}`
  }

  show(data, send) {
    const stage = this.stages ? this.stage : OPENS_AT
    Object.assign(this, unpack(data), { send })
    this.at = Math.max(0, this.stages.findIndex(([name]) => name === stage))
    this.layImages()
    this.root.querySelector(".rows").replaceChildren(...this.rows.map((row) => this.layRow(row)))
    this.root.querySelector(".note").textContent = this.note
    this.go(this.at)
  }

  layImages() {
    const images = this.names.map((name, place) => {
      const button = element("button", "")
      button.setAttribute("aria-label", name)
      button.append(this.picture(this.arrays.images.data, place))
      return button
    })
    const group = this.root.querySelector(".images")
    const laid = JSON.stringify([this.names, this.image])
    if (laid === this.laid) return // a group that has the focus keeps it
    this.laid = laid
    const focused = group.contains(this.root.getRootNode().activeElement)
    radios(group, images, this.image, (place) => this.send("image", place))
    if (focused) images[this.image].focus()
  }

  // The image at a place of an array (n, P) of levels to 255, or one number in [-1, 1] of each pixel: a colour for each sign.
  picture(levels, place = 0) {
    const [, height, width] = this.shape
    const canvas = element("canvas", "")
    canvas.height = height
    canvas.width = width
    const pixels = this.shape.reduce((a, b) => a * b)
    const own = Array.from(levels.subarray(place * pixels, (place + 1) * pixels))
    if (levels instanceof Uint8Array) paint(canvas, own.map((level) => level / 255))
    else {
      const colours = this.signs.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255))
      paint(canvas, [0, 1, 2].flatMap((channel) => own.map((value) => Math.abs(value) * colours[Number(value > 0)][channel])))
    }
    return canvas
  }

  // A cell of the grid: between two columns, in a line of it, there from a stage on (and before another).
  cell(classes, [from, to], line, since, until) {
    const made = element("div", classes)
    made.style.gridColumn = `${from} / ${to}`
    made.style.gridRow = line
    made.dataset.since = since
    if (until) made.dataset.until = until
    return made
  }

  layRow(row) {
    const made = element("section", `row ${row.variant}`)
    made.setAttribute("role", "group") // its name tells all of it, and its cells are hidden from who hears that name
    made.style.setProperty("--colour", row.colour)
    const { codes } = row.before
    const put = (cell, ...inside) => {
      cell.append(...inside)
      cell.ariaHidden = "true"
      made.append(cell)
      return cell
    }
    const arrow = (column, since) => put(this.cell("arrow", [column, `${column}-end`], 1, since))
    put(this.cell("picture", ["x", "x-end"], 1, "x"), this.picture(this.arrays.images.data, this.image), element("b", "", "x"))
    put(this.cell("name", ["x", "x-end"], 2, "x"), element("b", "", row.short))
    arrow("a1", "encoder")
    put(this.cell("network", ["encoder", "encoder-end"], 1, "encoder"), element("span", "", "encoder"))
    arrow("a2", "encoder")
    for (const name of Object.keys(codes)) {
      const since = { mu: "encoder", std: "encoder", eps: "eps", z: "z" }[name]
      const cell = put(this.cell(`code ${name}`, [name, `${name}-end`], 1, since))
      cell.append(this.box(row, name, "before", "step"), this.box(row, name, "after"))
      if (name !== "eps") continue
      cell.prepend(this.redraw())
      cell.ariaHidden = null
      cell.querySelectorAll(".box").forEach((box) => (box.ariaHidden = "true"))
    }
    const sign = (text, column, since) => put(this.cell("sign", [column, `${column}-end`], 1, since), text)
    if (codes.eps) {
      sign("+", "plus", "z")
      sign("·", "times", "z")
      sign("=", "equals", "z")
    } else put(this.cell("long arrow", ["plus", "equals-end"], 1, "z"))
    arrow("a3", "x_hat")
    put(this.cell("network turned", ["decoder", "decoder-end"], 1, "x_hat"), element("span", "", "decoder"))
    arrow("a4", "x_hat")
    this.layPictures(row, put)
    arrow("a5", "losses")
    put(this.cell("losses", ["losses", "losses-end"], 1, "losses", "step"), ...this.losses(row, false))
    put(this.cell("losses", ["losses", "losses-end"], 1, "step"), ...this.losses(row, true))
    this.layGradients(row, put)
    return made
  }

  layPictures(row, put) {
    const at = ["x_hat", "x_hat-end"]
    const outputs = this.arrays[`${row.variant}.outputs`]
    const picture = (when) => this.picture(this.arrays[`${row.variant}.${when}`].data)
    const title = row.samples > 1 ? `x̂, 1 of ${row.samples}` : "x̂"
    put(this.cell("picture", at, 1, "x_hat", "step"), picture("before"), element("b", "", title))
    put(this.cell("picture", at, 1, "step"), picture("after"), element("b", "", title))
    if (outputs) {
      const cell = put(this.cell("picture", at, 1, "outputs", "decoder"), this.picture(outputs.data))
      cell.append(element("b", "", "∂ outputs"))
    }
  }

  // Numbers of a code, or bars where they are many: as long as the largest of these, which is written below.
  box({ before: first, after }, name, when, until) {
    const { numbers, written } = (when === "after" ? after : first).codes[name]
    const box = element("div", "box")
    box.dataset.since = when === "after" ? "step" : "x"
    if (until) box.dataset.until = until
    box.append(element("b", "", SIGNS[name]))
    if (numbers.length <= this.few) {
      const list = element("div", "numbers")
      list.append(...written.map((text) => element("span", "", text)))
      box.append(list)
      return box
    }
    const longest = Math.max(...first.codes[name].numbers.map(Math.abs), ...after.codes[name].numbers.map(Math.abs)) || 1
    const bars = numbers.map((value, place) => {
      const length = Math.abs(value) / longest
      return `<rect x="${value < 0 ? -length : 0}" y="${place + 0.1}" width="${length}" height="0.8"/>`
    })
    const left = name === "std" ? 0 : -1
    const drawing = element("div", "bars")
    drawing.innerHTML = `<svg viewBox="${left} 0 ${1 - left} ${numbers.length}" preserveAspectRatio="none">${bars.join("")}</svg>`
    box.append(drawing, element("span", "", `${left ? "±" : "≤ "}${Number(longest.toPrecision(2))}`))
    return box
  }

  redraw() {
    const button = element("button", "redraw", "Redraw ε")
    button.addEventListener("click", () => this.send("draw", this.draw + 1))
    return button
  }

  losses(row, changed) {
    return Object.entries(row.before.losses).map(([name, before]) => {
      const line = element("div", `term ${changed ? "changed" : ""}`)
      line.style.setProperty("--term", this.terms[name])
      line.append(element("span", "", name === "kl" ? `${this.weight}KL` : TERMS[name]))
      line.append(element("b", "", changed ? `${before} → ${row.after.losses[name]}` : before))
      return line
    })
  }

  // Arrows that go back, each with the norm of the gradient that it brings: the reconstruction's through z, or around it
  // by the score function, and the KL's, which asks for μ and log σ² alone.
  layGradients(row, put) {
    const flow = (columns, line, since, places, { term = "reconstruction", words = "", stops = false } = {}) => {
      const norms = row.gradients[term]
      const size = Math.max(...places.map(([place]) => norms[place].number ?? Infinity))
      const cell = this.cell(`flow ${stops || size === 0 ? "stops" : ""}`, columns, line, since)
      cell.style.setProperty("--term", this.terms[term])
      cell.style.setProperty("--width", `${Math.min(0.85, 0.12 + 0.16 * Math.log10(1 + 10 * size))}em`)
      const label = element("span", "label", words)
      for (const [place, title] of places) label.append(`${label.childElementCount ? "  " : ""}${title} `, element("b", "", norms[place].written))
      put(cell, label, element("i", ""))
    }
    const through = row.path === "through"
    flow(["x_hat", "a5-end"], 2, "outputs", [["outputs", "outputs"]])
    flow(["z", "a4-end"], 2, "decoder", through ? [["z", "z"], ["decoder", "weights"]] : [["decoder", "weights"]], { stops: !through })
    if (row.before.codes.eps) {
      if (row.path === "around") {
        const words = "score function, around z: "
        flow(["mu", "losses-end"], 3, "code", [["mu", "μ"], ["logvar", "log σ²"]], { words })
      } else {
        flow(["std", "equals-end"], 2, "code", [["logvar", "log σ²"]])
        flow(["mu", "equals-end"], 3, "code", [["mu", "μ"]])
      }
    } else flow(["mu", "equals-end"], 2, "code", [["mu", "μ"]])
    flow(["encoder", "a2-end"], 2, "weights", [["encoder", "weights"]])
    if (!row.pays_kl) return
    flow(["mu", "losses-end"], 4, "code", [["mu", "μ"], ["logvar", "log σ²"]], { term: "kl", words: "KL: " })
    flow(["encoder", "a2-end"], 4, "weights", [["encoder", "weights"]], { term: "kl" })
  }

  go(to) {
    this.at = Math.max(0, Math.min(to, this.stages.length - 1))
    const order = Object.fromEntries(this.stages.map(([name], place) => [name, place]))
    const [stage, sentence] = this.stages[this.at]
    for (const part of this.root.querySelectorAll("[data-since]")) {
      const since = order[part.dataset.since] ?? 0
      const until = order[part.dataset.until] ?? Infinity
      part.classList.toggle("later", this.at < since)
      part.classList.toggle("over", this.at >= until)
      part.classList.toggle("now", part.dataset.since === stage)
    }
    this.root.querySelector(".said").textContent = sentence
    this.root.querySelector(".at").textContent = `${this.at + 1} of ${this.stages.length}`
    // A button that is switched off would lose the focus, and the keys with it.
    this.root.querySelector(".first").setAttribute("aria-disabled", this.at === 0)
    this.root.querySelector(".back").setAttribute("aria-disabled", this.at === 0)
    this.root.querySelector(".next").setAttribute("aria-disabled", this.at === this.stages.length - 1)
    this.name()
    this.root.dataset.stage = stage
    this.root.dataset.drawn = ++this.drawn // what the browser tests read
    this.announcer.changed()
  }

  // What a row shows, in words.
  name() {
    const seen = (part) => !part.closest(".later, .over")
    const changed = this.stage === "step"
    this.root.querySelectorAll(".row").forEach((made, place) => {
      const row = this.rows[place]
      const { codes, losses } = changed ? row.after : row.before
      const parts = Object.entries(codes).filter(([name]) => seen(made.querySelector(`.code.${name}`)))
      const told = parts.map(([name, { written }]) => `${SIGNS[name]} ${written.slice(0, this.few).join(", ")}${written.length > this.few ? " …" : ""}`)
      if (seen(made.querySelector(".losses:not(.over)") ?? made)) {
        told.push(...Object.entries(losses).map(([name, value]) => `${name === "kl" ? `${this.weight}KL` : TERMS[name]} ${value}`))
      }
      const flows = [...made.querySelectorAll(".flow")].filter(seen).map((flow) => flow.querySelector(".label").textContent.trim())
      if (flows.length) told.push(`gradients: ${flows.join(", ")}`)
      made.setAttribute("aria-label", `${row.title}: ${[this.names[this.image], ...told].join("; ")}.`)
    })
  }

  close() {
    document.removeEventListener("keydown", this.onPage)
    this.resized.disconnect()
    this.announcer.close()
  }
}

export default ({ data, parentElement, setStateValue }) => {
  const root = parentElement.querySelector(".steps")
  root.steps ??= new Steps(root)
  root.steps.show(data, setStateValue)
  return () => {
    root.steps.close()
    delete root.steps
  }
}
