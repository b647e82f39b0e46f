"""Where functions' zips are and what they are called: known to who builds them and to who uploads them.

Apart from the component because the command line asks, and should not load all of Pulumi to tell a file's name.
"""

FOLDER = "dist/functions"


def zip_name(service: str, sha256: str) -> str:
    """Return the file name of a service's zip, in ``FOLDER`` and in the bucket; ``sha256`` is hexadecimal."""
    return f"{service}-{sha256}.zip"
