"""The options in front of the command."""

from netwright.frontends.cli.flags import Flag, Kind, switch

GLOBAL_FLAGS = (
    Flag("host", "Engine to talk to (environment: NETWRIGHT_HOST, DOCKER_HOST)", short="H", takes="address"),
    switch("tls", "Use TLS; implied by --tlsverify"),
    Flag("tlscacert", "Trust certificates signed only by this authority", takes="file", offers=("files",)),
    Flag("tlscert", "Certificate to show to the engine", takes="file", offers=("files",)),
    Flag("tlskey", "Key of that certificate", takes="file", offers=("files",)),
    switch("tlsverify", "Use TLS and make the engine prove who it is"),
    switch("version", "Print the version and quit", "v"),
    Flag("help", "Print help", Kind.SWITCH, "h"),
)
