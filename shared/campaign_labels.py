"""Which campaign a figure is of: the code of one that this service keeps, and never a text that somebody sent."""

from collections.abc import Collection, Iterable
from itertools import product

from prometheus_client import Counter

from shared.shadows import MARK, is_shadow, original_of

NONE = ""
"""The label of what is of no campaign that is known here. To Prometheus it is the same as none: a series from before there was this label."""


class CampaignLabels:
    """The campaigns that a service can name in its metrics: few, for an official loads each of them."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._expected: list[tuple[Counter, Collection[tuple[str, ...]]]] = []

    def of(self, code: object) -> str:
        """The label of a campaign: its code. All partners' trials beside it, of which there may be many, share one: its code and the shadows' mark."""
        if not isinstance(code, str):
            return NONE
        if code in self._known:
            return code
        return original + MARK if is_shadow(code) and (original := original_of(code)) in self._known else NONE

    def has(self, code: str) -> bool:
        """Whether this campaign is kept here; a partner's trials are none."""
        return code in self._known

    def know(self, codes: Iterable[str]) -> None:
        """These campaigns are kept here; what is expected of each is there from now on."""
        for code in set(codes) - self._known:
            self._known.add(code)
            for counter, words in self._expected:
                _begin(counter, code, words)

    def expect(self, counter: Counter, *words: Iterable[str]) -> None:
        """Every combination of these words will be counted, after the campaign: it is there before, for an increase is seen only of what was."""
        combined = list(product(*words))
        self._expected.append((counter, combined))
        for code in (NONE, *self._known):
            _begin(counter, code, combined)


def _begin(counter: Counter, code: str, words: Iterable[tuple[str, ...]]) -> None:
    for word in words:
        counter.labels(code, *word)
