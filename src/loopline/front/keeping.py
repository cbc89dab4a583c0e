"""Which pictures of an import come into the data set's own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from loopline.front import own_media
from loopline.front.incoming import Incoming
from loopline.front.looking import Remote
from loopline.front.own_media import Keep
from loopline.front.placing import roots_of
from loopline.kernel.exchange import Event, Problem, SampleRows
from loopline.store.location import Location


def kept(
    events: Iterator[Event],
    found: Incoming,
    location: Location,
    media: Keep,
    fetched: Remote,
    check: Callable[[], None],
) -> Iterator[Event]:
    """The events, with pictures copied or linked where that is wished, or where they could not be read again.

    Raises FormatError for links into an archive or to the network, and where the data set has no folder.
    """
    if media == "reference":
        return _forced(events, found, location, check) if any(one.whole for one in found.stands) else events
    folder = own_media.folder_of(location)
    return own_media.kept(events, folder, media, check, passing=found.folder, fetch=fetched.file)


def _forced(events: Iterator[Event], found: Incoming, location: Location, check: Callable[[], None]) -> Iterator[Event]:
    """The events, with pictures copied that are in something that cannot be read from its middle."""
    copied = ""

    def passing(root: str) -> bool:
        one = found.of(root)
        return one is not None and not one.in_place

    for event in events:
        if not isinstance(event, SampleRows) or not any(map(passing, before := roots_of(event))):
            yield event
            continue
        folder = own_media.folder_of(location)
        for moved in own_media.kept(iter([event]), folder, "copy", check, passing=found.folder, only=passing):
            if isinstance(moved, SampleRows):
                pairs = zip(before, roots_of(moved), strict=True)
                copied = copied or next((root for root, own in pairs if root != own), "")
            yield moved
    if copied:
        what = "pictures that could not be read where they are were copied into the data set"
        why = "a packed tar, a shard, a table and an archive on the network cannot be read from the middle"
        yield Problem("warning", what, copied, f'{why}; media="copy" says the same without this')
