"""The one place that turns off the usage reports of every library the project runs on."""

import os

SETTINGS = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
}


def switch_off() -> None:
    """Set each library's own opt-out, unless the caller's environment already says something. Call before importing it."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
