// What those need who use no mouse, or hear a page instead of seeing it.
const REST = 500 // milliseconds without a change, after which a change is told: a screen reader can't follow a pointer

// Make `buttons` a group of radio buttons in `group`, as browsers do it: one Tab stop, and arrows, Home and End choose.
const radios = (group, buttons, chosen, choose) => {
  const check = (place) => buttons.forEach((button, i) => {
    button.setAttribute("aria-checked", i === place)
    button.tabIndex = i === place ? 0 : -1
  })
  const pick = (place) => {
    check(place)
    buttons[place].focus()
    choose(place)
  }
  buttons.forEach((button, place) => {
    button.setAttribute("role", "radio")
    button.addEventListener("click", () => pick(place))
  })
  group.setAttribute("role", "radiogroup")
  group.onkeydown = (event) => {
    const last = buttons.length - 1
    const at = buttons.indexOf(event.target)
    const forwards = at === last ? 0 : at + 1
    const backwards = at === 0 ? last : at - 1
    const to = { ArrowRight: forwards, ArrowDown: forwards, ArrowLeft: backwards, ArrowUp: backwards, Home: 0, End: last }
    if (!(event.key in to) || event.ctrlKey || event.altKey || event.metaKey) return
    event.preventDefault()
    pick(to[event.key])
  }
  group.replaceChildren(...buttons)
  check(chosen)
}

// Who has no mouse scrolls what has the focus: `region` is a Tab stop while it is wider than the page lets it be.
const reachable = (region) => {
  region.tabIndex = region.scrollWidth > region.clientWidth ? 0 : -1
}

// Tells what `words` gives in `region`, an aria-live one, once nothing has changed for a while. What a page shows when
// it opens is not news.
class Announcer {
  constructor(region, words) {
    Object.assign(this, { region, words })
  }

  changed() {
    clearTimeout(this.waiting)
    this.waiting = setTimeout(() => {
      const words = this.words()
      if (this.told !== undefined && words !== this.told) this.region.textContent = words
      this.told = words
    }, REST)
  }

  close() {
    clearTimeout(this.waiting)
  }
}
