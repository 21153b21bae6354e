"""Programs that do nothing we trace: nothing may be made, sent or changed."""
from harness import Failure, case


def sends_nothing(run):
    if run.sink.requests:
        raise Failure("a program without operations reached the collector")


case("true_makes_no_span", ["true"], golden="none", check=sends_nothing)
case("false_keeps_its_exit_status", ["false"], exit=1, golden="none", check=sends_nothing)
case("bash_builtins_make_no_span", ["bash", "-c", "echo $((6 * 7)); exit 5"], exit=5, stdout="42",
     golden="none", check=sends_nothing)
case("cat_copies_every_byte", ["cat"], stdin="line\n" * 20000, golden="none", check=sends_nothing)
