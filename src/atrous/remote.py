"""Addresses where a local path is expected."""


def require_local(path: object, key: str) -> None:
    """Raises ValueError: the path is an address (http, s3, hf, ...): nothing is fetched here.

    key: what named it, for the message.
    """
    if "://" in str(path):
        raise ValueError(
            f"{key}={path}: an address; files are read from a local disk alone: download it first, and give "
            "its path"
        )
