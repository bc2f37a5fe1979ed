"""Reading JSON files that vitinspect wrote, which may have been damaged or edited since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vitinspect.errors import DataError
from vitinspect.regular_files import read_regular


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if there is no file, and a ``DataError`` if it is damaged."""
    try:
        found = json.loads(read_regular(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except RecursionError as error:
        raise DataError(f"{path} is damaged: it is nested too deeply.") from error
    except (ValueError, MemoryError) as error:
        raise DataError(f"{path} is damaged: it is not JSON ({error}).") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} is damaged: it holds no JSON object.")
    return found
