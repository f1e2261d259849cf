"""What an OCI runtime is told about a container: pure functions from container, image and machine to its configuration.

    process      what runs: image and request merged
    user         as whom
    capabilities with which powers
    seccomp      by which system calls
    resources    with how much memory, processor and time, and which devices
    mounts       over which files
    config       all of it as the runtime's config.json

The defaults are Docker's own (moby, daemon/pkg/oci/defaults.go and daemon/oci_linux.go).
"""
