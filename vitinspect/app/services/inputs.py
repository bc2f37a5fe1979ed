"""The input that the window asks about now: the picture, the model, the precision and the fit, as one address."""

from __future__ import annotations

from vitinspect.app.compute.addresses import InputAddress
from vitinspect.app.session.results import READY, Results
from vitinspect.app.session.state import State


def current_input(state: State, results: Results) -> InputAddress | None:
    """What a request would be about; None while there is no picture or no model to ask."""
    picture, card = results.picture, results.card
    if picture is None or card is None or picture.path != state.image or results.model_state != READY:
        return None
    return InputAddress(picture.content, card.fingerprint, state.precision, state.fit)
