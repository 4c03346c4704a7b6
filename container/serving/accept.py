"""Content negotiation: from an `Accept` header to one content type (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from serving.errors import NotAcceptableError

ANY = "*/*"
MAX_RANGES = 100


def media_type(header: str) -> str:
    """`Text/CSV; charset=utf-8` is `text/csv`."""
    return header.partition(";")[0].strip().lower()


def media_ranges(accept: str) -> tuple[tuple[str, float], ...]:
    """The header's media ranges, in its order, each with its quality from 0 to 1.

    A quality that is no number counts as 1; parameters other than `q` are left out, and so is what
    comes after `MAX_RANGES` of them.
    """
    ranges = []
    for item in accept.split(",", MAX_RANGES)[:MAX_RANGES]:
        name = media_type(item)
        if not name:
            continue
        quality = 1.0
        for parameter in item.split(";")[1:]:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                try:
                    quality = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    quality = 1.0
        ranges.append((name, quality))
    return tuple(ranges)


def preferred(accept: str, default: str) -> str:
    """The range the client likes best, as it is written; `default` where it takes anything."""
    wanted = [(name, quality) for name, quality in media_ranges(accept) if quality > 0]
    if not wanted:
        return default
    best = max(wanted, key=lambda pair: pair[1])[0]
    return default if best == ANY else best


def negotiate(accept: str, offered: Sequence[str], default: str) -> str:
    """The one of the `offered` types that the client likes best.

    Args:
        accept: the `Accept` header; empty means anything.
        offered: content types.
        default: the one of them that is meant by `*/*`, and the first choice among equals
            that the client didn't name.

    Raises:
        NotAcceptableError: the client takes none of them.
    """
    if accept in offered:
        return accept
    ranges = media_ranges(accept)
    if not ranges:
        return default

    def rank(content_type: str) -> tuple[float, int, bool]:
        """Quality of the most specific range that fits; then how early it stands; then default."""
        family = content_type.partition("/")[0] + "/*"
        for pattern in (content_type, family, ANY):
            for position, (name, quality) in enumerate(ranges):
                if name == pattern:
                    return quality, -position, content_type == default
        return 0.0, 0, False

    best = max(offered, key=rank)
    if rank(best)[0] == 0:
        raise NotAcceptableError(
            f"This model answers in {', '.join(offered)}, "
            f"but the Accept header is {accept[:100]!r}."
        )
    return best
