#!/bin/sh
# Installs by apt what is missing for a task, and nothing else.
#
#   scripts/deps.sh [build|demo|test|transparency|lint|fuzz|coverage|bench|peers]...      default: build test
#
# Costs one dpkg-query when everything is there. Without root it prints the
# line to run and stops. Packages that bring a server (nginx, redis) must not
# leave one running: Debian asks /usr/sbin/policy-rc.d before it starts a
# service, so one that forbids it stands there while apt works; units that
# apt enabled for the next boot are disabled again.
set -eu

# One package per word; a|b|c: any of them will do, the first is installed.
build='gcc binutils libc6-dev make
    libcurl4-openssl-dev|libcurl4-gnutls-dev libcurl4 libc-ares-dev libc-ares2
    libprotobuf-c-dev protobuf-c-compiler libpcre2-dev libyaml-dev libsqlite3-dev zlib1g-dev
    libnghttp2-dev libnghttp2-14'
demo='curl sqlite3 python3 openssl nginx-light|nginx-core|nginx-full|nginx'
test='g++ libasio-dev libcriterion-dev protobuf-compiler curl sqlite3 python3 python3-grpcio nginx-light|nginx-core|nginx-full|nginx
    libnginx-mod-stream apache2-bin apache2-utils lighttpd lighttpd-mod-openssl haproxy tinyproxy systemd gunicorn wget wrk nodejs
    ruby ruby-webrick socat openbsd-inetd
    default-jdk-headless|openjdk-17-jdk-headless|openjdk-21-jdk-headless
    openssl libssl-dev libgnutls28-dev php-cli php-sqlite3 perl libdbd-sqlite3-perl redis-server git bash
    findutils util-linux procps gdb strace faketime binutils musl-tools fzf mandoc
    libjemalloc2 libmimalloc2.0 libfaketime clang libclang-rt-14-dev' # clang's: programs with its sanitizers
# Other people's test suites, and what fetches and builds their sources; the first line is what make test runs.
suites='libpython3.11-testsuite bash dpkg-dev ca-certificates debian-archive-keyring tcl redis-server redis-tools'
transparency='autoconf automake libtool pkg-config bison perl tcl-dev zlib1g-dev gcc make sqlite3 curl stunnel4'
lint='clang clang-format clang-tidy cppcheck shellcheck'
fuzz='clang libclang-rt-14-dev' # what Debian 12's clang links for sanitizers and libFuzzer
coverage='clang libclang-rt-14-dev llvm-14' # one version: the profile's form changes with it
bench='valgrind gcc libsqlite3-dev sqlite3 python3 util-linux
    nginx-light|nginx-core|nginx-full|nginx nodejs wrk redis-server redis-tools openssl curl'

# npm and Maven are asked for what is compared with; without them these rows say so.
peers='python3-venv default-jdk-headless|openjdk-17-jdk-headless|openjdk-21-jdk-headless'

units='openbsd-inetd.service nginx.service redis-server.service lighttpd.service haproxy.service tinyproxy.service'
policy=/usr/sbin/policy-rc.d

groups=${*:-build test}
wanted=
for group in $groups; do
    case $group in
    build) wanted="$wanted $build" ;;
    demo) wanted="$wanted $build $demo" ;;
    test) wanted="$wanted $build $test $suites" ;;
    transparency) wanted="$wanted $build $suites $transparency" ;;
    lint) wanted="$wanted $build $lint" ;;
    fuzz) wanted="$wanted $build $fuzz" ;;
    coverage) wanted="$wanted $build $coverage" ;;
    peers) wanted="$wanted $peers" ;;
    bench) wanted="$wanted $build $bench" ;;
    *) echo "deps.sh: no group '$group' (build demo test transparency lint fuzz coverage bench peers)" >&2; exit 2 ;;
    esac
done

if ! command -v dpkg-query >/dev/null; then
    echo "deps.sh: no Debian system; the packages' Debian names are: $wanted" >&2
    exit 1
fi

# " name name … " of all that is installed.
installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | tr '\n' ' ')"
missing=
for choice in $wanted; do
    found=
    for package in $(echo "$choice" | tr '|' ' '); do
        case $installed in *" $package "*) found=1 ;; esac
    done
    first=${choice%%|*}
    case " $missing " in *" $first "*) found=1 ;; esac
    [ -n "$found" ] || missing="$missing $first"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "deps.sh: missing packages; as root run:" >&2
    echo "    apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

kept=
restore() {
    if [ -n "$kept" ]; then mv -f "$kept" "$policy"; else rm -f "$policy"; fi
}
if [ -e "$policy" ]; then
    kept=$policy.otelshim-kept
    mv -f "$policy" "$kept"
fi
trap restore EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\nexit 101\n' > "$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
install() {
    # shellcheck disable=SC2086  # a list
    apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Use-Pty=0 $missing
}
echo "deps.sh: installing$missing" >&2
# Lists of packages may be absent (containers) or too old: one update, then again.
# shellcheck disable=SC2086
if ! apt-cache show $missing >/dev/null 2>&1 || ! install; then
    apt-get update -q
    install
fi

for unit in $units; do
    case " $missing " in
    *" ${unit%.service} "* | *" ${unit%.service}-light "*)
        # Without systemd (containers) apt has set the links all the same, for whoever installs it.
        if command -v systemctl >/dev/null; then
            systemctl disable --quiet "$unit" >/dev/null 2>&1 || true
        else
            rm -f /etc/systemd/system/*.wants/"$unit"
        fi ;;
    esac
done
