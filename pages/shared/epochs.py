"""Which epoch of a run a visitor looks at: in the address, and remembered for each run from page to page.

The stage moves from epoch to epoch without asking the server. Where it comes to rest it tells so, outside of any rerun,
and the next page that is drawn reads it here.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict

import streamlit as st

SEAT = "seat"  # in the session: a name for it, which the visitor's browser is given
MOST_TOLD = 5_000  # of all visitors; whoever told longest ago is forgotten
RUN, EPOCH = "run", "epoch"  # in the address; without an epoch it is the newest


def _key(run_id: str) -> str:
    return f"epoch.{run_id}"


_told: OrderedDict[tuple[str, str], int | None] = OrderedDict()  # by seat and run, until a page reads it


def seat() -> str:
    """The name of this visitor's session, for requests outside of it."""
    return st.session_state.setdefault(SEAT, secrets.token_hex(16))


def told(seat: str, run_id: str, epoch: int | None) -> None:
    """The browser at `seat` rests on this epoch; None: on the newest."""
    _told[seat, run_id] = epoch
    _told.move_to_end((seat, run_id))
    while len(_told) > MOST_TOLD:
        _told.popitem(last=False)


def take_over(run_id: str) -> None:
    """What the address asks for comes before what was looked at earlier.

    For runs of a whole page only: a fragment that looks every half second may hear of an address that has just changed.
    """
    _read_what_was_told(run_id)
    asked = st.query_params.get(EPOCH)
    if asked is None:
        return
    if re.fullmatch("[0-9]{1,6}", asked):
        st.session_state[_key(run_id)] = int(asked)
    else:
        st.query_params.pop(EPOCH)


def looked_at(run_id: str) -> int | None:
    """None: the newest, whichever it is by now."""
    _read_what_was_told(run_id)
    return st.session_state.get(_key(run_id))


def _read_what_was_told(run_id: str) -> None:
    key = (seat(), run_id)
    if key in _told:
        st.session_state[_key(run_id)] = _told.pop(key)


def look_at(run_id: str, epoch: int, newest: int) -> None:
    """From now on. Who looks at the newest goes on with whichever is the newest then."""
    st.session_state[_key(run_id)] = None if epoch >= newest else epoch
    tell(run_id, min(epoch, newest), newest)


def tell(run_id: str, shown: int, newest: int) -> None:
    """Put what is shown into the address, where it isn't yet."""
    if shown == newest:
        st.query_params.pop(EPOCH, None)
    elif st.query_params.get(EPOCH) != str(shown):
        st.query_params.update({RUN: run_id, EPOCH: str(shown)})
