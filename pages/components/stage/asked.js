// Pictures that the server draws, where a page can't: one question at a time, the newest place next.
class Asked {
  constructor(stage) {
    this.stage = stage
  }

  // [[model, z], …], of the decoders at rest: shows what the server has drawn last, as stale where it is of other codes.
  show(models) {
    if (this.rested !== this.stage.rested) Object.assign(this, { rested: this.stage.rested, pictures: {}, drawn: null })
    this.codes = models.map(([{ spec }, z]) => [spec.variant, ...z])
    const stale = this.drawn !== JSON.stringify(this.codes)
    if (stale && !this.busy) this.ask()
    for (const [model] of models) model.show(this.pictures[model.spec.variant], 255, stale)
  }

  async ask() {
    const { codes, rested } = this
    this.busy = true
    try {
      const variants = codes.map(([variant]) => variant).join()
      const body = Float32Array.from(codes.flatMap(([, ...z]) => z))
      const bytes = await asBytes(rested.film.url("pictures", { epoch: rested.epoch, variants }), { method: "POST", body })
      const { data, shape } = unpack(bytes).arrays.pictures
      if (rested === this.rested) {
        codes.forEach(([variant], i) => (this.pictures[variant] = data.subarray(i * shape[1], (i + 1) * shape[1])))
        this.drawn = JSON.stringify(codes)
      }
    } catch {
      await new Promise((next) => setTimeout(next, AGAIN))
    }
    this.busy = false
    this.stage.request()
  }
}
