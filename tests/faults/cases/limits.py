"""Few descriptors, many batches."""
from harness import account, case, collector, drive, expect, expect_between


@case
def without_fds_nothing_is_sent_and_nothing_breaks():
    result = drive("http://127.0.0.1:1/v1/traces", spans=3, limits={"NOFILE": 4},
                   export_timeout_ms=1000)
    if "open" not in result:
        account(result, None, 3, dropped=3)


@case
def memory_is_steady_over_many_batches():
    with collector() as (sink, url):
        few = drive(url, spans=20000, attributes=6)
    with collector() as (sink, url):
        many = drive(url, spans=200000, attributes=6, give_up_ms=60000, timeout=70)
        expect("delivered", many["delivered"], 200000)
    expect_between("growth in kB", many["rss_kb"] - few["rss_kb"], -4096, 1024)
