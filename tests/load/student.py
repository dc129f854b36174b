"""One visitor: a websocket that asks for pages, moves controls, polls as a browser does, and takes the times.

Where a page holds the stage, its film is followed over HTTP, as the browser's script does.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from urllib.request import Request, urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from .film import PATIENCE, Browser, Film

WHOLE, FRAGMENT = ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
LARGEST = 200 * 2**20  # bytes of one message
STAGE = "latent_twins_stage"


class Student:
    """`times` holds seconds by what was done; `troubles` what a page complained of."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.times: dict[str, list[float]] = defaultdict(list)
        self.troubles: list[str] = []
        self.pages: dict[str, str] = {}  # url name → hash
        self.query = ""
        self.browser = Browser(self.times, self.troubles)
        self.films: dict[str, Film] = {}  # by run: they outlive their page, as a browser keeps them
        self._elements: dict[tuple[int, ...], object] = {}  # what the page shows, by its place
        self._blocks: dict[tuple[int, ...], object] = {}  # and what holds it
        self._states: dict[str, WidgetState] = {}
        self._page = ""
        self._polls: dict[str, asyncio.Task] = {}
        self._finished: dict[int, asyncio.Event] = {WHOLE: asyncio.Event(), FRAGMENT: asyncio.Event()}
        self._fragment_of: dict[str, str] = {}  # widget id → fragment id
        self._line = asyncio.Lock()  # a browser's clicks and polls follow one another

    async def arrive(self) -> None:
        """Open the front page: a cookie, a websocket, the first script run."""
        started = time.perf_counter()
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(None, lambda: urlopen(Request(self.url), timeout=PATIENCE))
        cookies = "; ".join(value.split(";")[0] for name, value in answer.headers.items() if name == "set-cookie")
        self.browser.cookies = cookies
        request = HTTPRequest(
            f"{self.url.replace('http', 'ws')}/_stcore/stream",
            headers={"Cookie": cookies, "Origin": self.url, "Sec-WebSocket-Protocol": "streamlit"},
        )
        self._socket = await websocket_connect(request, max_message_size=LARGEST, subprotocols=["streamlit"])
        self._reader = asyncio.create_task(self._read())
        await self._run(WHOLE)
        self.times["first page"].append(time.perf_counter() - started)

    async def leave(self) -> None:
        self._stop_polling()
        self._reader.cancel()
        self._socket.close()
        for film in self.films.values():
            film.leave()
        self.browser.close()

    async def visit(self, name: str) -> None:
        """Go to a page by its name in the address."""
        self._stop_polling()
        self._page, self._states = self.pages[name], {}
        self._elements.clear()
        self._blocks.clear()
        await self._timed("page", self._run(WHOLE))

    async def click(self, label: str) -> None:
        """Press a button."""
        button = self.find("button", label)
        await self._act("click", WidgetState(id=button.id, trigger_value=True))

    async def type(self, label: str, value: float) -> None:
        """Type into a number field."""
        await self._act("number", WidgetState(id=self.find("number_input", label).id, double_value=value))

    async def slide(self, label: str, option: str) -> None:
        """Move a slider to one of the options that it has."""
        state = WidgetState(id=self.find("slider", label).id)
        state.string_array_value.data.append(option)
        await self._act("slider", state)

    async def open_tab(self, title: str) -> None:
        """Open one of `tabs`."""
        await self._act("tab", WidgetState(id=self.tabs()[title], string_value=title))

    def tabs(self) -> dict[str, str]:
        """Tabs that are made when they are opened: the id of their group, by title."""
        return {
            tab.tab.label: block.tab_container.id
            for place, block in self._blocks.items()
            if block.tab_container.id
            for at, tab in self._blocks.items()
            if at[:-1] == place
        }

    def film(self) -> Film | None:
        """The film of the run on the page's stage, if it has one."""
        shown = self._stage()
        return self.films[json.loads(shown.json)["run"]] if shown else None

    async def rest(self, epoch: int) -> None:
        """Let go of the stage's slider at an epoch; a page that asked to be told draws what is below the stage anew."""
        await self.film().rest(epoch)
        shown = self._stage()
        if json.loads(shown.json)["report"]:
            await self._act("report", WidgetState(id=shown.id, json_value=json.dumps({"epoch": epoch})))

    def has(self, kind: str, label: str) -> bool:
        return any(getattr(element, "label", None) == label for element in self._shown(kind))

    def find(self, kind: str, label: str) -> object:
        """The widget of a kind with a label. Raises LookupError, with what there is."""
        for widget in self._shown(kind):
            if widget.label == label:
                return widget
        raise LookupError(f"no {kind} {label!r} among {[widget.label for widget in self._shown(kind)]}")

    def texts(self) -> str:
        return "\n".join(element.body for element in self._shown("markdown"))

    def badge(self, words: tuple[str, ...]) -> str | None:
        """The first of `words` that a badge of the page says."""
        return next(
            (word for word in words for element in self._shown("markdown") if f" {word}]" in element.body), None
        )

    # The protocol

    def _stage(self) -> object | None:
        return next((shown for shown in self._shown("bidi_component") if shown.component_name == STAGE), None)

    def _shown(self, kind: str) -> list:
        return [getattr(element, kind) for element in self._elements.values() if element.WhichOneof("type") == kind]

    async def _act(self, what: str, state: WidgetState) -> None:
        fragment = self._fragment_of.get(state.id, "")
        is_trigger = state.WhichOneof("value") == "trigger_value"
        if not is_trigger:
            self._states[state.id] = state
        await self._timed(what, self._run(FRAGMENT if fragment else WHOLE, fragment, state if is_trigger else None))

    async def _timed(self, what: str, doing) -> None:
        started = time.perf_counter()
        await doing
        self.times[what].append(time.perf_counter() - started)

    async def _run(self, status: int, fragment: str = "", trigger: WidgetState | None = None, auto: bool = False):
        async with self._line:
            message = BackMsg()
            state = message.rerun_script
            state.query_string, state.page_script_hash, state.fragment_id = self.query, self._page, fragment
            state.is_auto_rerun = auto
            state.widget_states.CopyFrom(
                WidgetStates(widgets=[*self._states.values(), *([trigger] if trigger else [])])
            )
            for event in self._finished.values():
                event.clear()
            await self._socket.write_message(message.SerializeToString(), binary=True)
            # A fragment may ask for a run of the whole page, which is what ends then.
            waits = [asyncio.create_task(self._finished[WHOLE].wait())]
            if status == FRAGMENT:
                waits.append(asyncio.create_task(self._finished[FRAGMENT].wait()))
            done, left = await asyncio.wait(waits, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            if not done:
                raise TimeoutError(f"no answer within {PATIENCE} s")

    async def _read(self) -> None:
        while (raw := await self._socket.read_message()) is not None:
            message = ForwardMsg.FromString(raw)
            kind = message.WhichOneof("type")
            if kind == "script_finished":
                if message.script_finished in self._finished:
                    self._finished[message.script_finished].set()
            elif kind == "delta":
                self._take(message)
            elif kind == "navigation":
                self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
                self._page = message.navigation.page_script_hash or self._page
            elif kind == "page_info_changed":
                self.query = message.page_info_changed.query_string
            elif kind == "auto_rerun":
                self._poll(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            elif kind == "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self._end_poll(fragment)

    def _take(self, message: ForwardMsg) -> None:
        place = tuple(message.metadata.delta_path)
        if message.delta.WhichOneof("type") != "new_element":
            self._elements = {at: element for at, element in self._elements.items() if at[: len(place)] != place}
            self._blocks = {at: block for at, block in self._blocks.items() if at[: len(place)] != place}
            self._blocks[place] = block = message.delta.add_block
            if message.delta.fragment_id:
                self._fragment_of[block.tab_container.id] = message.delta.fragment_id
            return
        element = message.delta.new_element
        self._elements[place] = element
        kind = element.WhichOneof("type")
        widget = getattr(element, kind, None)
        if message.delta.fragment_id and hasattr(widget, "id"):
            self._fragment_of[widget.id] = message.delta.fragment_id
        if kind == "exception":
            self.troubles.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.troubles.append(element.alert.body)
        elif kind == "bidi_component" and widget.component_name == STAGE:
            self._watch(json.loads(widget.json))

    def _watch(self, told: dict[str, str]) -> None:
        film = self.films.setdefault(told["run"], Film(self.browser, told["run"]))
        film.address = self.url + told["address"]
        film.watch(lambda: self.film() is film)

    def _poll(self, fragment: str, interval: float) -> None:
        self._end_poll(fragment)
        self._polls[fragment] = asyncio.create_task(self._ask_again(fragment, interval))

    async def _ask_again(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                await self._timed("poll", self._run(FRAGMENT, fragment, auto=True))
            except WebSocketClosedError:
                return

    def _end_poll(self, fragment: str) -> None:
        if (task := self._polls.pop(fragment, None)) and task is not asyncio.current_task():
            task.cancel()

    def _stop_polling(self) -> None:
        for fragment in list(self._polls):
            self._end_poll(fragment)
