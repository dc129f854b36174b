// Keys of whoever presents: ← → and a remote's PageUp and PageDown, Home, End, Space or Enter, F, B, Esc; a swipe on a
// screen that is touched. One move is on its way to the server at a time, numbered, and the next goes once the server
// says that it has answered; what is pressed meanwhile waits, and steps that wait become one.
const HINT = 2000 // milliseconds for which the keys are told at the start
const GIVEN_UP = 5000 // milliseconds after which a move that was not answered is sent anew with the next one
const SWIPE = 60 // pixels
const KEYS = "← → next and previous  ·  Space reveals  ·  F full screen  ·  B black  ·  Esc ends"
const KEYS_OF_ONE = "F full screen  ·  B black  ·  Esc ends"
const TOUCHES = "Swipe for next and previous  ·  three fingers end"
const STEPS = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 }

// What is typed there, or moved by arrows, is meant for it.
const TYPED = "textarea, select, [contenteditable=''], [contenteditable=true], [role=combobox], [role=textbox], " +
  "input:not([type=radio], [type=checkbox], [type=range], [type=button])"
const MOVED = "input, canvas[tabindex], [role=slider], [role=radio], [role=tab], [role=option], [role=menuitem], [role=listbox]"
const PRESSED = "button, a[href], summary, input, [role=button], [role=radio], [role=option], [role=menuitem]"
const own = (event, selector) => event.composedPath().some((node) => node.matches?.(selector))

class Present {
  constructor(root) {
    this.black = root.querySelector(".black")
    this.hint = root.querySelector(".hint")
    this.heard = root.querySelector(".heard")
    this.waiting = [] // moves that have not been sent
    this.sent = null // the one that has
    this.listening = new AbortController()
    const on = (what, listener, more) =>
      window.addEventListener(what, listener, { signal: this.listening.signal, capture: true, ...more })
    on("keydown", (event) => this.key(event))
    on("pointerdown", (event) => this.isBlack() && this.swallow(event, () => this.toBlack(false)))
    on("touchstart", (event) => this.touch(event), { passive: true })
    on("touchend", (event) => this.lift(event), { passive: true })
  }

  // From the server: where it is, and the number of the last move that it has answered.
  show({ position, count, session, answered }, send) {
    const moved = position !== this.position
    const first = this.position === undefined
    Object.assign(this, { position, count, send })
    if (session !== this.session) {
      // It knows nothing of what was sent to another.
      if (this.sent) this.waiting.unshift(this.sent.move)
      Object.assign(this, { session, number: answered, sent: null })
    }
    if (this.sent?.number <= answered) this.sent = null
    this.flush()
    if (first) this.tell()
    else if (moved) this.say(`${position} of ${count}`)
  }

  tell() {
    const touched = matchMedia("(pointer: coarse)").matches && this.count > 1
    this.hint.textContent = touched ? TOUCHES : this.count > 1 ? KEYS : KEYS_OF_ONE
    this.hint.showPopover()
    this.say(`Presenting. ${this.hint.textContent}`)
    this.told = setTimeout(() => this.hint.hidePopover(), HINT)
  }

  say(words) {
    this.heard.textContent = words
  }

  key(event) {
    if (this.isBlack()) return this.swallow(event, () => this.toBlack(false))
    if (event.ctrlKey || event.altKey || event.metaKey || own(event, TYPED)) return
    const { key } = event
    const step = STEPS[key]
    const paged = key.startsWith("Page")
    if (this.count > 1 && (step || key === "Home" || key === "End")) {
      if (own(event, MOVED) && !paged) return
      const to = step ? this.target() + step : key === "Home" ? 1 : this.count
      this.swallow(event, () => this.go(to))
    } else if (this.count > 1 && (key === " " || key === "Enter") && !own(event, PRESSED)) {
      this.swallow(event, () => event.repeat || this.ask("reveal"))
    } else if (key === "Escape" && !document.querySelector("[role=dialog], [data-testid=stPopoverBody]")) {
      this.swallow(event, () => this.ask("leave"))
    } else if (key.toLowerCase() === "f" && !event.repeat) {
      const whole = document.fullscreenElement
      this.swallow(event, () => (whole ? document.exitFullscreen() : document.documentElement.requestFullscreen()))
    } else if ((key.toLowerCase() === "b" || key === ".") && !event.repeat) {
      this.swallow(event, () => this.toBlack(true))
    }
  }

  swallow(event, act) {
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  isBlack() {
    return this.black.matches(":popover-open")
  }

  toBlack(black) {
    if (black) this.black.showPopover()
    else this.black.hidePopover()
    this.say(black ? "The screen is black. Any key shows it again." : "The screen is shown again.")
  }

  touch(event) {
    this.finger = null
    if (event.touches.length === 3) this.ask("leave")
    else if (event.touches.length === 1 && !own(event, `${TYPED}, ${MOVED}, canvas`)) {
      const { clientX: x, clientY: y } = event.touches[0]
      this.finger = { x, y }
    }
  }

  lift(event) {
    if (!this.finger || this.count < 2) return
    const { clientX, clientY } = event.changedTouches[0]
    const across = clientX - this.finger.x
    const down = clientY - this.finger.y
    this.finger = null
    if (Math.abs(across) > SWIPE && Math.abs(across) > 2 * Math.abs(down)) this.go(this.target() - Math.sign(across))
  }

  // Where the visitor will be once all that was asked for is answered.
  target() {
    const moves = [this.sent?.move, ...this.waiting].filter((move) => typeof move === "number")
    return moves.at(-1) ?? this.position
  }

  go(to) {
    if (to < 1 || to > this.count || to === this.target()) return
    if (typeof this.waiting.at(-1) === "number") this.waiting.pop()
    this.ask(to)
  }

  ask(move) {
    if (this.sent && performance.now() - this.sent.at > GIVEN_UP) {
      this.waiting.unshift(this.sent.move)
      this.sent = null
    }
    this.waiting.push(move)
    this.flush()
  }

  flush() {
    if (this.sent || !this.waiting.length) return
    const move = this.waiting.shift()
    this.number += 1
    this.sent = { move, number: this.number, at: performance.now() }
    this.send("asked", { session: this.session, number: this.number, move })
  }

  close() {
    clearTimeout(this.told)
    this.listening.abort()
  }
}

export default ({ data, parentElement, setStateValue }) => {
  const root = parentElement.querySelector(".present")
  root.present ??= new Present(root)
  root.present.show(data, setStateValue)
  return () => {
    root.present.close()
    delete root.present
  }
}
