// The row below the spaces: play, and a slider over all epochs that moves between them as smoothly as the hand does.
const PLAY = [3, 9] // seconds a replay takes: an eighth of a second an epoch, within these

class Scrubber {
  constructor(stage, root) {
    Object.assign(this, { stage, root })
    this.button = root.querySelector(".play")
    this.slider = root.querySelector("input[type=range]")
    this.label = root.querySelector(".epoch")
    this.button.addEventListener("click", () => (this.playing ? this.stop() : this.play()))
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)))
    this.slider.addEventListener("change", () => this.settle())
    this.slider.addEventListener("keydown", (event) => this.key(event))
    this.calm = matchMedia("(prefers-reduced-motion: reduce)")
    this.calm.addEventListener("change", () => this.show()) // also while nothing else moves
  }

  get film() { return this.stage.film }

  key(event) {
    const { first, last } = this.film
    const page = Math.max(1, Math.round((last - first) / 10))
    const near = Math.round(this.stage.t)
    const to = { ArrowRight: near + 1, ArrowUp: near + 1, ArrowLeft: near - 1, ArrowDown: near - 1, Home: first, End: last }
    Object.assign(to, { PageUp: near + page, PageDown: near - page })
    if (!(event.key in to) || event.ctrlKey || event.altKey || event.metaKey) return
    event.preventDefault()
    this.go(to[event.key])
    this.settle()
  }

  // The hand moves to `t`; whoever is at the newest epoch follows the run.
  go(t) {
    this.stop()
    const { first, last } = this.film
    this.stage.moveTo(Math.min(Math.max(t, first), last))
    this.stage.following = this.stage.t >= last
  }

  // The hand lets go: the nearest epoch that there is
  settle() {
    this.stage.moveTo(this.film.nearest(this.stage.t).epoch)
    this.stage.rest()
  }

  play() {
    const { first, last } = this.film
    if (this.stage.t >= last) this.stage.moveTo(first)
    const seconds = Math.min(Math.max((last - first) / 8, PLAY[0]), PLAY[1])
    this.playing = { speed: (last - first) / (1000 * seconds), at: performance.now() }
    this.stage.following = false
    this.show()
    this.stage.request()
  }

  stop() {
    this.playing = null
    this.show()
  }

  // One frame of a replay
  advance(now) {
    if (!this.playing) return
    const t = this.stage.t + (now - this.playing.at) * this.playing.speed
    this.playing.at = now
    if (t < this.film.last) this.stage.moveTo(t)
    else {
      this.stop()
      this.stage.following = true
      this.stage.moveTo(this.film.last)
      this.stage.rest()
    }
  }

  show() {
    const { film } = this
    if (!film?.frames.length) return
    const epoch = film.nearest(this.stage.t).epoch
    const end = Math.max(film.learning ? film.planned : film.last, 1)
    this.slider.min = film.first
    this.slider.max = end
    this.slider.value = this.playing ? this.stage.t : Math.abs(this.stage.t - epoch) < 1e-9 ? epoch : this.stage.t
    this.slider.setAttribute("aria-valuetext", `epoch ${epoch} of ${end}`)
    this.label.textContent = `epoch ${epoch} of ${end}`
    this.button.hidden = film.frames.length < 2 || this.calm.matches
    const name = this.playing ? "Pause" : "Replay"
    if (this.button.getAttribute("aria-label") !== name) {
      this.button.setAttribute("aria-label", name)
      this.button.title = name
      this.button.textContent = this.playing ? "❚❚" : "▶"
    }
  }
}
