"""What the tests without a machine share."""

from hypothesis import settings

# How long an example takes says how busy the machine is: times belong to the benchmarks.
settings.register_profile("here", deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("here")
