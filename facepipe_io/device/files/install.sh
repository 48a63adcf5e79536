#!/bin/sh
# Install facepipe out of the folder that this lies in, or upgrade what is installed.
#
#   sudo sh install.sh              install, check the settings, start
#   sudo sh install.sh --check      check the settings of what is installed
#   sudo sh install.sh --uninstall  remove everything, the key and the crops that wait included
#
# An upgrade keeps the crops that wait, and /etc/facepipe/local.env. What is installed has a copy
# of this, for the latter two, in /opt/facepipe.
#
#   PYTHON=/usr/bin/python3.9       the Python to use; without it one is found
#   DESTDIR=/mnt/image              install into that tree; no user is made and nothing is started
#
# Packages come from PyPI; or from a folder wheels/ beside this, if there is one.

set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=${DESTDIR:-}
program=$root/opt/facepipe
settings=$root/etc/facepipe
state=$root/var/lib/facepipe
units=$root/etc/systemd/system
new=$program/venv.new

fail() {
    echo "facepipe: $*" >&2
    exit 1
}

has_module() {
    "$1" -c 'import importlib.util as u, sys; sys.exit(u.find_spec(sys.argv[1]) is None)' "$2" \
        2>/dev/null
}

is_at_least() {
    "$1" -c "import sys; sys.exit(sys.version_info < $2)" 2>/dev/null
}

# Sets python; and own_opencv, to yes on a DeepLens, whose awscam one of its Pythons alone has.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3 python3.7 python3.8 python3.9 python3.10 python3.11 python3.12 python3.13
    fi
    python='' own_opencv=no
    for candidate in "$@"; do
        is_at_least "$candidate" '(3, 7)' || continue
        if has_module "$candidate" awscam; then
            python=$candidate own_opencv=yes
            return
        fi
        python=${python:-$candidate}
    done
    [ -n "$python" ] || fail "there is no Python 3.7 or newer here; name one with PYTHON=/its/path"
}

make_user() {
    getent group facepipe >/dev/null || groupadd --system facepipe
    getent passwd facepipe >/dev/null || useradd --system --gid facepipe \
        --home-dir /var/lib/facepipe --no-create-home --shell /usr/sbin/nologin facepipe
    # Cameras, graphics chips, and what a DeepLens' own programs share.
    for group in video render aws_cam; do
        if getent group "$group" >/dev/null; then usermod --append --groups "$group" facepipe; fi
    done
}

# Beside the old one, so that a failure leaves that as it was.
make_venv() {
    rm -rf "$new"
    trap 'rm -rf "$new"' EXIT
    set -- "$new"
    if [ "$own_opencv" = yes ]; then set -- --system-site-packages "$@"; fi
    if is_at_least "$python" '(3, 9)' && has_module "$python" ensurepip; then
        "$python" -m venv "$@"
        pip=pip
    else
        "$python" -m venv --without-pip "$@"
        for pip in "$here"/pip-*.whl; do pip=$pip/pip; done
    fi

    set -- --requirement "$here/requirements.txt" "$here"/facepipe-*.whl
    if [ "$own_opencv" = no ]; then set -- --requirement "$here/requirements-opencv.txt" "$@"; fi
    if [ -f "$here/requirements-live.txt" ]; then
        set -- --requirement "$here/requirements-live.txt" "$@"
    fi
    if [ -d "$here/wheels" ]; then set -- --no-index --find-links "$here/wheels" "$@"; fi
    if [ "$pip" = pip ]; then set -- -m pip install "$@"; else set -- "$pip" install "$@"; fi
    echo "facepipe: installing packages, some 300 MB; this may take minutes"
    "$new/bin/python" "$@" --quiet --disable-pip-version-check --no-cache-dir ||
        fail "pip could not install the packages; what was installed before is as it was"

    rm -rf "$program/venv.old"
    if [ -d "$program/venv" ]; then mv "$program/venv" "$program/venv.old"; fi
    mv "$new" "$program/venv"
    # Commands that pip made name the folder they were made in, and are not needed here.
    rm -f "$program"/venv/bin/facepipe "$program"/venv/bin/pip*
    rm -rf "$program/venv.old"
}

copy_files() {
    set --
    if [ -z "$root" ]; then set -- -g facepipe; fi
    install -d -m 0750 "$@" "$settings"
    for file in certificate.pem private.key ca.pem facepipe.env; do
        install -m 0640 "$@" "$here/$file" "$settings/$file"
    done
    if [ -z "$root" ]; then set -- -o facepipe "$@"; fi
    install -d -m 0700 "$@" "$state"

    rm -rf "$program/models"
    if [ -d "$here/models" ]; then
        install -d "$program/models"
        install -m 0644 "$here"/models/* "$program/models"
    fi
    install -m 0755 "$here/install.sh" "$program/install.sh"
    install -d "$units"
    install -m 0644 "$here/facepipe.service" "$units/facepipe.service"
}

# As the service's user, so that what it may not read is found as well.
check() {
    if [ -n "$root" ] || ! [ -d "$program/venv" ]; then
        fail "it is not installed here: sudo sh install.sh, without DESTDIR"
    fi
    su -s /bin/sh facepipe -c '
        cd /
        set -a
        . /etc/facepipe/facepipe.env
        if [ -f /etc/facepipe/local.env ]; then . /etc/facepipe/local.env; fi
        exec /opt/facepipe/venv/bin/python -' <<'END' || fail "the settings do not fit this device"
import os
import sys

from facepipe.errors import FacepipeError
from facepipe_io.edge.settings import device_settings

try:
    settings = device_settings(os.environ)
    if settings.identity is not None:
        settings.identity.context()
except FacepipeError as error:
    sys.exit("\n".join(getattr(error, "problems", [str(error)])))
END
    echo "facepipe: the settings make sense"
}

systemd_runs() {
    [ -z "$root" ] && [ -d /run/systemd/system ]
}

do_install() {
    for file in "$here"/facepipe-*.whl "$here/private.key" "$here/facepipe.env"; do
        [ -f "$file" ] || fail "$file is missing; unpack the whole bundle"
    done
    find_python
    if [ -z "$root" ]; then make_user; fi
    install -d "$program"
    make_venv
    copy_files
    echo "facepipe: installed, with $("$program/venv/bin/python" --version)"
    if [ -n "$root" ]; then return; fi
    check
    if systemd_runs; then
        systemctl daemon-reload
        systemctl enable --quiet facepipe.service
        systemctl restart --no-block facepipe.service
        echo "facepipe: started; its log: sudo journalctl --unit facepipe --follow"
    else
        echo "facepipe: not started, for systemd does not run here"
    fi
}

uninstall() {
    if systemd_runs && [ -f "$units/facepipe.service" ]; then
        systemctl disable --quiet --now facepipe.service
    fi
    rm -rf "$program" "$settings" "$state" "$units/facepipe.service"
    if systemd_runs; then systemctl daemon-reload; fi
    if [ -z "$root" ] && getent passwd facepipe >/dev/null; then userdel facepipe; fi
    echo "facepipe: removed"
}

if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then fail "root is needed: sudo sh $0"; fi
case ${1:-} in
    '') do_install ;;
    --check) check ;;
    --uninstall) uninstall ;;
    *) fail "there is no $1; the first lines of $0 say what there is" ;;
esac
