// A run's film, as stage/film.py packs it: what is known of each of its epochs. It lies in the window, so that the next
// page, and the next rerun, find what has arrived; while the run learns, the browser asks for the epochs after it.
const films = (window.latentTwinsFilms ??= new Map())
const FILMS_KEPT = 3
const LEARNING = new Set(["queued", "running"])
const NO_NUMBER = -32768
const AGAIN = 1000 // milliseconds after which a server that didn't answer is asked again

const asBytes = async (address, how) => {
  const answer = await fetch(address, how)
  if (answer.status === 204) return null
  if (!answer.ok) throw Object.assign(new Error(await answer.text()), { final: answer.status < 500 })
  return new Uint8Array(await answer.arrayBuffer())
}

class Film {
  constructor(dimensions) {
    Object.assign(this, { dimensions, frames: [], status: "", newest: -1, planned: 0, kept: [], watchers: new Set() })
  }

  static of({ run, address, dimensions }) {
    const key = `${run} ${dimensions}`
    const film = films.get(key) ?? new Film(dimensions)
    films.delete(key)
    films.set(key, film) // the last one used is the last to go
    for (const other of [...films.keys()].slice(0, -FILMS_KEPT)) films.delete(other)
    film.address = address // holds a word that a new server gives anew
    return film
  }

  url(part, query = {}) {
    const all = { ...query, ...(this.dimensions ? { dimensions: this.dimensions } : {}) }
    return `${this.address}/${part}?${new URLSearchParams(all)}`
  }

  // Call `use` now and whenever there is more; the answer ends it.
  watch(use) {
    this.watchers.add(use)
    if (this.frames.length) use()
    this.follow()
    return () => this.watchers.delete(use)
  }

  get learning() {
    return LEARNING.has(this.status)
  }

  async follow() {
    if (this.following) return
    this.following = true
    while (this.watchers.size) {
      try {
        this.add(await asBytes(this.url("film", { after: this.newest, status: this.status })))
        this.trouble = ""
        if (!this.learning) break
      } catch (problem) {
        this.trouble = problem.final ? problem.message : "The server doesn't answer. Trying again …"
        this.tell()
        if (problem.final) break
        await new Promise((next) => setTimeout(next, AGAIN))
      }
    }
    this.following = false
  }

  add(bytes) {
    const { arrays, epochs, rows, notices, variants, status, newest, planned, kept, ...rest } = unpack(bytes)
    Object.assign(this, { status, planned })
    if (newest < 0) return this.tell()
    const { twins, classes, palette, shape, latentDim, space, rings, loss, floor, pca, watched, counted } = rest
    const { windows, ranges } = rest
    Object.assign(this, { kept, windows, ranges })
    if (variants) {
      Object.assign(this, { variants, twins, classes, palette, shape, latentDim, space, rings, loss, floor, pca, watched, counted })
      this.labels = arrays.labels.data
      this.originals = arrays.originals.data
      this.images = arrays.originals.shape[0]
      this.pixels = shape[0] * shape[1] * shape[2]
      this.flat = latentDim === 1
    }
    epochs.forEach((epoch, i) => {
      if (this.frame(epoch)) return
      const spaces = {}
      for (const { variant } of this.variants) {
        const part = (name) => arrays[`${variant}.${name}`]
        const cut = (name) => {
          const array = part(name)
          const length = array && array.data.length / epochs.length
          return array && array.data.subarray(i * length, (i + 1) * length)
        }
        spaces[variant] = {
          codes: cut("codes"),
          unit: part("unit").data[i],
          prior: cut("prior"),
          share: part("share").data[i],
          pictures: [cut("from_mean"), cut("from_sample")].filter(Boolean),
          row: Object.fromEntries(Object.entries(rows[variant]).map(([term, values]) => [term, values[i]])),
        }
      }
      this.frames.push({ epoch, spaces, notice: notices[i] })
    })
    this.frames.sort((a, b) => a.epoch - b.epoch)
    this.newest = newest
    this.tell()
  }

  tell() {
    for (const use of [...this.watchers]) use()
  }

  frame(epoch) {
    return this.frames.find((frame) => frame.epoch === epoch)
  }

  get first() { return this.frames[0].epoch }
  get last() { return this.frames.at(-1).epoch }

  // The frames around a moment `t` (in epochs), and how far it is from the first of them to the second.
  around(t) {
    let low = 0
    let high = this.frames.length - 1
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.frames[middle].epoch <= t) low = middle
      else high = middle
    }
    const [before, after] = [this.frames[low], this.frames[high]]
    const apart = after.epoch - before.epoch
    const share = apart ? Math.min(Math.max((t - before.epoch) / apart, 0), 1) : 0
    return { before, after, share }
  }

  // The frame nearest to `t`: what is shown as a number or a picture is never a mixture.
  nearest(t) {
    const { before, after, share } = this.around(t)
    return share < 0.5 ? before : after
  }

  // Codes (n, 2) of a variant at `t`, between two epochs on a straight line, written into `into`.
  codes(variant, t, into) {
    const { before, after, share } = this.around(t)
    const [a, b] = [before.spaces[variant], after.spaces[variant]]
    for (let i = 0; i < into.length; i++) {
      const known = a.codes[i] !== NO_NUMBER && b.codes[i] !== NO_NUMBER
      into[i] = known ? (1 - share) * a.codes[i] * a.unit + share * b.codes[i] * b.unit : NaN
    }
    return into
  }

  prior(variant, t) {
    const { before, after, share } = this.around(t)
    return [0, 1].map((axis) => (1 - share) * before.spaces[variant].prior[axis] + share * after.spaces[variant].prior[axis])
  }

  picture(variant, t, row, image) {
    const values = this.nearest(t).spaces[variant].pictures[row]
    return values.subarray(image * this.pixels, (image + 1) * this.pixels)
  }
}

// Decoders, encoders, planes and maps of one kept epoch, fetched when somebody needs them and kept with the film.
class AtRest {
  constructor(film, epoch) {
    Object.assign(this, { film, epoch })
  }

  static of(film, epoch) {
    film.rests ??= new Map()
    if (!film.rests.has(epoch)) {
      for (const old of [...film.rests.keys()].slice(0, -FILMS_KEPT)) film.rests.delete(old)
      film.rests.set(epoch, new AtRest(film, epoch))
    }
    return film.rests.get(epoch)
  }

  // Each is asked for once; what failed is asked for again at the next call.
  fetch(part, read) {
    const asked = `asked for ${part}`
    this[asked] ??= asBytes(this.film.url(part, { epoch: this.epoch }))
      .then((bytes) => (this[part] = bytes ? read(bytes) : null))
      .catch((problem) => {
        this[asked] = undefined
        throw problem
      })
    return this[asked]
  }

  decode() {
    const plane = (bytes) => {
      const { panels, arrays, why } = unpack(bytes)
      this.why = why // the server draws; "" where this page does
      for (const [variant, panel] of Object.entries(panels)) panel.ellipses = arrays[`${variant}.ellipses`]?.data
      return panels
    }
    return Promise.all([this.fetch("plane", plane), this.fetch("decoders", chains)])
  }

  encode() {
    return Promise.all([this.decode(), this.fetch("encoders", chains)])
  }

  map() {
    return this.fetch("maps", unpack)
  }
}
