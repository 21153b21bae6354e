"""Proxies of the environment."""
from harness import Failure, account, case, collector, drive, expect


@case
def a_proxy_from_the_environment_is_used_unless_exempt():
    with collector(path="http://collector.invalid:4318/v1/traces") as (proxy, _):
        env = {"http_proxy": f"http://localhost:{proxy.port}"}
        result = drive("http://collector.invalid:4318/v1/traces", env=env, spans=2)
        account(result, proxy, 2)
        env["no_proxy"] = "example.com,.invalid"
        result = drive("http://collector.invalid:4318/v1/traces", env=env, spans=2,
                       export_timeout_ms=1000)
        expect("delivered past the proxy", result["delivered"], 0)
        if "resolve" in result["log"]:
            raise Failure(f"libcurl looked the name up itself: {result['log']}")
