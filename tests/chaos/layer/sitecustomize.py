"""Python runs this at its start when this folder is on its path: only chaos puts it there."""

import faultlayer  # type: ignore[import-not-found]  # this folder itself is on the path

faultlayer.install()
