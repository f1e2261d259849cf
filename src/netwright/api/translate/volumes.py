"""Volumes as they are shown. Pure."""

from netwright.api.moments import rfc3339
from netwright.api.wire.volumes import VolumeShown
from netwright.model.container import Volume


def show_volume(volume: Volume) -> VolumeShown:
    """Return a volume."""
    return VolumeShown(
        created_at=rfc3339(volume.created),
        labels=dict(volume.labels) or None,
        mountpoint=volume.path,
        name=volume.name,
        options=dict(volume.options) or None,
    )
