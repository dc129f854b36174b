// One side of the stage: the space of a model, its picture at the pointer, its curves and its reconstructions.
class Model {
  constructor(stage, place) {
    Object.assign(this, { stage, place })
    this.root = document.createElement("section")
    this.root.className = "model"
    this.root.innerHTML =
      `<div class="head"><span class="name"></span><span class="numbers"></span></div>` +
      `<div class="body"><canvas class="space" tabindex="0" role="application"></canvas>` +
      `<div class="decoded"><canvas class="picture" role="img"></canvas><div class="words"></div></div></div>` +
      `<div class="below"><canvas class="curves" role="img"></canvas>` +
      `<div class="rebuilt"><div class="row-names"></div><canvas role="img"></canvas></div></div>`
    this.picture = this.root.querySelector(".picture")
    this.words = this.root.querySelector(".words")
    this.numbers = this.root.querySelector(".numbers")
    this.space = new Space(stage, this.root)
    this.curves = new Curves(stage, this.root.querySelector(".curves"))
    this.rebuilt = new Rebuilt(stage, this.root.querySelector(".rebuilt"))
  }

  of(spec) {
    if (this.spec?.variant === spec.variant) return
    this.spec = spec
    this.space.of(spec)
    this.root.style.setProperty("--colour", spec.colour)
    this.root.querySelector(".name").replaceChildren(this.name())
    const [, height, width] = this.stage.film.shape
    this.picture.width = width
    this.picture.height = height
    this.picture.setAttribute("aria-label", spec.title) // what it shows is told once it is drawn
    this.curves.canvas.setAttribute("aria-label", `${spec.title}: losses by epoch`)
    this.rebuilt.canvas.setAttribute("aria-label", `${spec.title}: reconstructions`)
  }

  // Its title; a choice where there are more models than sides.
  name() {
    const { variants } = this.stage.film
    if (variants.length < 3) return document.createTextNode(this.spec.title)
    const select = document.createElement("select")
    select.setAttribute("aria-label", this.place ? "Model at the right" : "Model at the left")
    select.append(...variants.map(({ variant, title }) => new Option(title, variant, false, variant === this.spec.variant)))
    select.addEventListener("change", () => this.stage.put(this.place, select.value))
    return select
  }

  // Sides of the space and of the picture, and the height of what is below, in pixels.
  fit({ width, space, picture, below }) {
    const { type, film } = this.stage
    const [, h, w] = film.shape
    this.space.fit(space)
    const scale = picture / Math.max(h, w)
    this.picture.style.width = `${w * scale}px`
    this.picture.style.height = `${h * scale}px`
    const names = type * 4.8 // the longest row's name
    const images = Math.min(film.images * Math.floor(below / 3) * (w / h), width * 0.62 - names)
    const narrow = width < 30 * type // one below the other; while drawing, there is room for the curves alone
    this.curves.fit(narrow || this.stage.drawing ? width : Math.max(width - images - names - 1.4 * type, 10 * type), below)
    this.rebuilt.fit(narrow ? width - names : images, below)
  }

  draw() {
    const { stage, spec } = this
    const { reconstruction, kl, active_units: active } = stage.film.nearest(stage.t).spaces[spec.variant].row
    const parts = [`reconstruction ${reconstruction?.toFixed(1) ?? "–"} ${stage.film.loss.split(" / ")[0]}`]
    if (kl !== null) parts.push(`KL ${kl.toFixed(2)} nats`)
    if (active !== null && !stage.drawing) parts.push(`${active} active unit${active === 1 ? "" : "s"}`)
    const told = parts.join(" · ")
    if (this.numbers.textContent !== told) this.numbers.textContent = told
    this.space.draw()
    this.curves.draw(spec.variant, spec.colour)
    this.rebuilt.draw(spec)
    if (this.space.at) sayWhere(this.space, this.words)
  }

  // The picture of the pointer's place: `values` from 0 to `white`, or none while nobody can draw it; `stale` is one of another place.
  show(values, white, stale = !values) {
    this.picture.classList.toggle("stale", stale)
    if (values) paint(this.picture, values, { white })
  }

  tell() {
    const there = this.words.textContent.replaceAll("\n", ", ")
    const drawn = this.picture.classList.contains("stale") ? ", no picture here" : ""
    const sentence = `${this.spec.title}${drawn}: ${there}.`
    this.picture.setAttribute("aria-label", sentence)
    this.curves.tell(this.spec.variant, this.spec.title)
    return sentence
  }
}
