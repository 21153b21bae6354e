"""Name lookups (programs/dns_all.c): a span each, none where nothing is looked up."""
from harness import case

case("dns_every_function", ["$PROGRAMS/dns_all"], stdout="no lookups")
case("dns_disabled", ["$PROGRAMS/dns_all"], stdout="no lookups", golden="none",
     shim_env={"OTEL_SHIM_DISABLED_INSTRUMENTATIONS": "dns"})
case("dns_without_exporter", ["$PROGRAMS/dns_all"], stdout="no lookups", golden="none",
     shim_env={"OTEL_TRACES_EXPORTER": "none"})
