// Two latent spaces side by side. Under the pointer every decoder draws, here in the browser, at display rate.
// data (packing.py): { key, panels: [{ variant, title, colour, centre, spread, axes, origin, … }], rings, … }
// Each space is a Panel (panel.js); the pad keeps their pointers together: at their own scales, at as many standard
// deviations from the middle of the codes, and at the same scale, at the same code.
class Pad {
  constructor(root) {
    this.root = root
    this.layers = { map: "none", ellipses: false, prior: true }
    this.frames = 0
    root.querySelector(".controls").addEventListener("change", ({ target }) => {
      if (target.name === "map") this.layers.map = target.value
      else this.layers[target.name] = target.checked
      this.redraw()
    })
    this.stopListening = whenScaleChanges(() => {
      this.redraw()
      this.point(this.leader, ...this.leader.at)
    })
    this.announcer = new Announcer(root.querySelector(".heard"), () => this.tell())
    this.observer = new ResizeObserver(() => this.fit())
    this.observer.observe(root)
  }

  show(data, send) {
    const { arrays, panels, ...rest } = unpack(data)
    Object.assign(this, rest, { send, labels: arrays.labels.data, decoders: null })
    this.pinned = rest.pinned
    const before = Object.fromEntries((this.panels ?? []).map((panel) => [panel.variant, panel.at]))
    this.panels = panels.map((spec) => new Panel(this, spec, arrays))
    this.panels.forEach((panel) => (panel.at = before[panel.variant] ?? panel.start))
    this.leader = this.panels[0]
    const holder = this.root.querySelector(".panels")
    holder.replaceChildren(...this.panels.map((panel) => panel.root))
    holder.style.setProperty("--columns", Math.min(2, this.panels.length))
    for (const [name, shown] of [["ellipses", this.panels.some((p) => p.ellipses)], ["map", "area" in this.ranges]]) {
      this.root.querySelector(`.${name}`).hidden = !shown
    }
    this.stopWaiting?.()
    this.stopWaiting = whenDecoders(this.key, (decoders) => {
      this.decoders = decoders
      this.request()
    })
    this.fit()
  }

  // There is nothing to compare with where there is one space.
  get scale() {
    return this.panels.length > 1 ? scaleNow() : "own"
  }

  fit() {
    if (!this.panels) return
    this.panels.forEach((panel) => panel.fit())
    this.say()
    this.request()
  }

  redraw() {
    this.panels.forEach((panel) => panel.drawStill())
    this.say()
    this.legend()
    this.request()
  }

  say() {
    const where = this.scale === "own" ? "as many standard deviations from the middle of its codes" : "the same code"
    const others = this.panels.length > 1 ? ` The pointers of the other spaces stand at ${where}.` : ""
    this.root.querySelector(".note").textContent = this.note + others
  }

  // The sensitivity maps hold natural logarithms. Per standard deviation of the codes they are shifted by its own.
  mapShift(panel, kind) {
    if (this.scale === "same") return 0
    return Math.log(panel.spread) * (kind === "area" && !panel.flat ? 2 : 1)
  }

  mapRange(kind) {
    const ends = this.panels.map((panel) => this.ranges[kind][panel.variant].map((e) => e + this.mapShift(panel, kind)))
    return [Math.min(...ends.map(([low]) => low)), Math.max(...ends.map(([, high]) => high))]
  }

  legend() {
    const legend = this.root.querySelector(".legend")
    legend.hidden = this.layers.map === "none"
    if (legend.hidden) return
    const [low, high] = this.mapRange(this.layers.map).map((value) => Math.exp(value).toPrecision(2))
    const stops = [0, 0.2, 0.4, 0.6, 0.8, 1].map((t) => `rgb(${warm(t)})`).join(",")
    const per = this.scale === "same" ? "per unit of code" : "per standard deviation of the codes"
    legend.querySelector(".bar").style.background = `linear-gradient(90deg, ${stops})`
    legend.querySelector(".low").textContent = low
    legend.querySelector(".high").textContent = high
    legend.querySelector(".per").textContent = `${per}, logarithmic, one scale for both`
  }

  // The pointer is at (u, v) of one panel; the others follow to the same place.
  point(leader, u, v) {
    this.leader = leader
    leader.at = [u, v]
    for (const panel of this.panels) {
      if (panel === leader) continue
      const place = (value, axis) =>
        this.scale === "same"
          ? value
          : panel.centre[axis] + ((value - leader.centre[axis]) / leader.spread) * panel.spread
      panel.at = [place(u, 0), place(v, 1)]
    }
    this.request()
  }

  request() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.frame())
  }

  frame() {
    this.waiting = 0
    if (!this.root.isConnected || !this.panels?.[0].size) return
    if (getComputedStyle(this.root).color !== this.panels[0].ink) this.panels.forEach((panel) => panel.drawStill())
    let spent = 0
    for (const panel of this.panels) {
      panel.drawPointer()
      sayWhere(panel)
      if (!this.decoders) continue
      const started = performance.now()
      const grey = panel.decode(this.decoders[panel.variant])
      spent += performance.now() - started
      paint(panel.picture, grey)
    }
    this.announcer.changed()
    this.root.dataset.frames = ++this.frames // what the browser tests read
    this.root.dataset.decode = spent.toFixed(3)
  }

  // What is at the pointer, in words: a name for each picture, and all of it for who moved the pointer there.
  tell() {
    return this.panels.map(tellWhere).join(" ")
  }

  pin() {
    this.pinned = Object.fromEntries(this.panels.map((panel) => [panel.variant, panel.at.map(Number)]))
    this.redraw()
    this.send("pin", this.pinned)
  }

  close() {
    this.observer.disconnect()
    this.stopListening()
    this.stopWaiting?.()
    this.announcer.close()
    cancelAnimationFrame(this.waiting)
  }
}

export default ({ data, parentElement, setStateValue }) => {
  const root = parentElement.querySelector(".pad")
  root.pad ??= new Pad(root)
  root.pad.show(data, setStateValue)
  return () => {
    root.pad.close()
    delete root.pad
  }
}
