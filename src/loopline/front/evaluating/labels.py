"""Everything but detection."""

from loopline.front.evaluating.protocol import Protocol

PROTOCOLS: tuple[Protocol, ...] = ()
