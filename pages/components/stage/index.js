// The stage: what a room looks at. Left one model, right another: space, picture at the pointer, curves, reconstructions,
// and one slider over all epochs. The film (film.js) is here, so play and scrub ask nothing of the server.
const REST_AFTER = 250 // milliseconds without a move, after which the epoch shown is asked for its decoders
const GLIDE = 12 // milliseconds in which a new epoch comes most of the way

class Stage {
  constructor(root) {
    Object.assign(this, { root, t: null, following: true, pointer: { image: 0 }, frames: 0 })
    this.layers = { map: "none", ellipses: false, prior: true }
    this.part = (name) => root.querySelector(name)
    this.scrubber = new Scrubber(this, this.part(".row"))
    this.maps = new Maps(this, this.part(".legend"))
    this.notes = new Notes(this, this.part(".notice"), this.part(".note"))
    this.announcer = new Announcer(this.part(".heard"), () => this.tell())
    this.asked = new Asked(this)
    const scales = ["own", "same"].map((scale) =>
      Object.assign(document.createElement("button"), { type: "button", textContent: `${scale} scale` }),
    )
    this.showScale = () => scales.forEach((button, i) => {
      button.setAttribute("aria-checked", (scaleNow() === "same") === (i === 1))
      button.tabIndex = (scaleNow() === "same") === (i === 1) ? 0 : -1
    })
    radios(this.part(".scales"), scales, scaleNow() === "same" ? 1 : 0, (i) => chooseScale(["own", "same"][i]))
    this.stopListening = whenScaleChanges(() => {
      this.showScale()
      if (this.leader && this.pointer.place) this.point(this.leader.space, ...this.leader.space.at)
      this.request()
    })
    this.part(".layers").addEventListener("change", ({ target }) => {
      this.layers[target.name] = target.type === "checkbox" ? target.checked : target.value
      this.need()
      this.request()
    })
    this.part(".draw").addEventListener("click", () => this.draws(!this.drawing))
    this.observer = new ResizeObserver(() => this.fit())
    this.observer.observe(root)
    this.onResize = () => this.fit()
    addEventListener("resize", this.onResize)
  }

  // data: { run, address, dimensions, epoch, report, pinned, small, ellipses }, as __init__.py mounts it
  show(data, send) {
    const film = Film.of(data)
    Object.assign(this, { data, send, pinned: data.pinned ?? this.pinned })
    if (film === this.film) return film.follow()
    this.root.classList.toggle("small", data.small)
    this.layers.ellipses = this.part("[name=ellipses]").checked = data.ellipses
    this.stopWatching?.()
    this.scrubber.stop()
    Object.assign(this, { film, t: null, wanted: data.epoch, following: true, pointer: { image: 0 }, rested: null })
    if (this.run !== data.run) this.pinned = data.pinned
    Object.assign(this, { run: data.run, planes: null, decoders: null, models: null })
    this.maps.measured = null
    if (this.drawing) this.draws(false)
    this.part(".models").replaceChildren()
    this.stopWatching = film.watch(() => this.arrived())
  }

  arrived() {
    const { film } = this
    this.part(".trouble").hidden = !film.trouble
    this.part(".trouble").textContent = film.trouble
    if (!film.frames.length) return
    if (!this.models) this.build()
    if (this.t === null) {
      this.following = this.wanted === null || this.wanted >= film.last
      this.moveTo(this.following ? film.last : film.nearest(this.wanted).epoch)
      this.fit()
      this.rest()
    }
    if (!film.learning && film.wasLearning) this.rest()
    film.wasLearning = film.learning
    this.scrubber.show()
    this.request()
  }

  build() {
    const { variants, twins } = this.film
    this.models = twins.map((_, place) => new Model(this, place))
    this.leader = this.models[0]
    this.models.forEach((model, place) => model.of(variants.find(({ variant }) => variant === twins[place])))
    this.part(".models").replaceChildren(...this.models.map(({ root }) => root))
    this.part(".models").style.setProperty("--columns", this.models.length)
    this.part(".scales").hidden = this.models.length < 2
    this.part("[name=ellipses]").parentElement.hidden = this.film.flat
  }

  // Another variant at one side
  put(place, variant) {
    this.models[place].of(this.film.variants.find((spec) => spec.variant === variant))
    this.fit()
  }

  // There is nothing to compare with where there is one space.
  get scale() {
    return this.models?.length > 1 ? scaleNow() : "own"
  }

  fit() {
    if (!this.models || !this.film.frames.length) return
    const style = getComputedStyle(this.root)
    this.type = parseFloat(style.fontSize)
    this.family = style.fontFamily
    const whole = this.root.clientWidth
    if (!whole) return
    const main = this.root.getRootNode().host?.closest("[data-testid=stMain]")
    const top = this.root.getBoundingClientRect().top + (main?.scrollTop ?? 0)
    const { small } = this.data
    const { pen, ...sides } = laidOut({ whole, top, type: this.type, small, drawing: this.drawing, models: this.models.length })
    this.models.forEach((model) => model.fit(sides))
    if (this.drawing) {
      this.root.style.setProperty("--pen", `${pen}px`)
      this.pen.fit(pen)
    }
    this.scrubber.show()
    this.request()
  }

  // Moving through time

  moveTo(t) {
    if (t === this.t) return
    this.t = t
    if (this.rested?.epoch !== t) {
      Object.assign(this, { rested: null, planes: null, decoders: null })
      this.maps.measured = null
    }
    this.scrubber.show()
    this.request()
  }

  // Whoever looks at the newest epoch follows the run, gliding.
  glide(now) {
    const { film } = this
    if (this.scrubber.playing || !this.following || this.t >= film.last) return (this.glided = now)
    const gone = Math.min(now - (this.glided ?? now - 16), 50)
    this.glided = now
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches
    const apart = (film.last - this.t) * Math.exp(-gone / GLIDE)
    this.moveTo(still || apart < 0.05 ? film.last : film.last - apart)
    if (this.t === film.last) this.rest()
    this.request()
  }

  // The hand rests on an epoch: it goes into the address, and its decoders come.
  rest() {
    clearTimeout(this.resting)
    this.resting = setTimeout(() => {
      const { film, t } = this
      if (this.scrubber.playing || film.nearest(t).epoch !== t || !this.root.isConnected) return
      this.toAddress(t)
      this.rested = film.kept.includes(t) ? AtRest.of(film, t) : null
      if (!film.learning || this.pointer.place || this.drawing || this.layers.ellipses) this.need()
      this.notes.note()
    }, REST_AFTER)
  }

  toAddress(epoch) {
    const url = new URL(location.href)
    const newest = epoch >= this.film.last
    if (newest) url.searchParams.delete("epoch")
    else {
      url.searchParams.set("run", this.run)
      url.searchParams.set("epoch", epoch)
    }
    if (url.href !== location.href) history.replaceState(history.state, "", url)
    if (epoch === this.told) return
    this.told = epoch
    const told = fetch(this.film.url("looks", { epoch: newest ? -1 : epoch }), { keepalive: true }).catch(() => {})
    if (this.data.report) told.then(() => this.send("epoch", epoch)) // what is below the stage is of this epoch, too
  }

  // What the pointer, the pen or a layer needs of the epoch at rest
  need() {
    const { rested } = this
    if (!rested) return
    const wanted = this.drawing ? rested.encode() : rested.decode()
    wanted.then(([first]) => {
      if (this.rested !== rested) return
      this.planes = rested.plane
      this.decoders = rested.decoders
      if (this.drawing) this.pen.changed()
      this.notes.note()
      this.request()
    }).catch((problem) => this.notes.note(problem.message))
    if (this.layers.map === "none") return
    rested.map().then((maps) => {
      if (this.rested !== rested) return
      this.maps.measured = maps
      this.request()
    }).catch((problem) => this.notes.note(problem.message))
  }

  // Pointing

  point(space, u, v) {
    if (this.drawing) return
    const leader = this.models.find((model) => model.space === space)
    Object.assign(this, { leader, pointer: { place: true } })
    space.at = [u, v]
    for (const { space: other } of this.models) {
      if (other === space) continue
      const [mine, theirs] = [cloud(space.codes, space.flat), cloud(other.codes, other.flat)]
      const follow = (value, axis) =>
        this.scale === "same" ? value : theirs.centre[axis] + ((value - mine.centre[axis]) / mine.spread) * theirs.spread
      other.at = [follow(u, 0), follow(v, 1)]
    }
    if (!this.decoders) this.need()
    this.request()
  }

  // The pointer stands on an image's codes, and goes with them through the epochs.
  follow(image) {
    if (this.drawing) this.draws(false)
    this.pointer = { image }
    this.request()
  }

  pin() {
    if (this.drawing) return
    this.pinned = Object.fromEntries(this.models.map(({ spec, space }) => [spec.variant, space.at.map(Number)]))
    if (this.data.report) this.send("pin", this.pinned)
    this.request()
  }

  // Drawing

  draws(on) {
    this.drawing = on
    this.root.classList.toggle("drawing", on)
    this.part(".draw").setAttribute("aria-pressed", on)
    if (on) {
      this.pen = new Pen(this)
      this.models[0].root.after(this.pen.root)
      if (!this.rested && !this.film.kept.includes(this.t)) {
        this.moveTo(this.film.kept.reduce((best, e) => (Math.abs(e - this.t) < Math.abs(best - this.t) ? e : best)))
        this.following = this.t >= this.film.last
      }
      this.rest()
    } else {
      this.pen?.root.remove()
      this.pen = this.drawn = null
      this.pointer = { image: this.pointer.image ?? 0 }
    }
    this.fit()
  }

  // Painting

  request() {
    if (!this.waiting) this.waiting = requestAnimationFrame((now) => this.frame(now))
  }

  frame(now) {
    this.waiting = 0
    if (!this.root.isConnected || !this.models || this.t === null || !this.type) return
    this.scrubber.advance(now)
    this.glide(now)
    const style = getComputedStyle(this.root)
    this.ink = style.color
    haloed.ground = style.getPropertyValue("--st-background-color")
    let spent = 0
    const elsewhere = [] // what this page can't draw
    for (const model of this.models) {
      const { space, spec } = model
      const drawn = this.drawn?.[spec.variant]
      space.now()
      if (drawn) space.at = space.flat ? [drawn.at[0], space.upright.centre[1]] : drawn.at
      else if (!this.pointer.place) space.at = Array.from(space.codes.subarray(2 * this.pointer.image, 2 * this.pointer.image + 2))
      model.draw()
      if (this.drawing || this.pointer.place) {
        const z = drawn ? drawn.z : this.drawing ? null : space.code()
        if (z && this.planes && !this.decoders) {
          elsewhere.push([model, z])
          continue
        }
        const started = performance.now()
        const picture = z && this.decoders ? this.decoders[spec.variant].run(z) : null
        spent += performance.now() - started
        model.show(picture, 1)
      } else model.show(this.film.picture(spec.variant, this.t, 0, this.pointer.image), 255)
    }
    if (elsewhere.length) this.asked.show(elsewhere)
    this.maps.legend()
    this.notes.notice()
    this.announcer.changed()
    Object.assign(this.root.dataset, { frames: ++this.frames, epoch: this.t, decode: spent.toFixed(3) }) // for tests
    if (this.timed) this.root.dataset.pen = (performance.now() - this.timed).toFixed(2)
    this.timed = null
    if (this.scrubber.playing) this.request()
  }

  tell() {
    return `Epoch ${this.film.nearest(this.t).epoch}. ${this.models.map((model) => model.tell()).join(" ")}`
  }

  close() {
    this.observer.disconnect()
    removeEventListener("resize", this.onResize)
    this.stopListening()
    this.stopWatching?.()
    this.announcer.close()
    clearTimeout(this.resting)
    cancelAnimationFrame(this.waiting)
  }
}

export default ({ data, parentElement, setStateValue }) => {
  const root = parentElement.querySelector(".stage")
  root.stage ??= new Stage(root)
  root.stage.show(data, setStateValue)
  return () => {
    root.stage.close()
    delete root.stage
  }
}
