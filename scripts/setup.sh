#!/usr/bin/env bash
# Prepares a Debian 12 machine: distro packages, and a virtual environment .venv with the pinned torch wheel.
#
#   scripts/setup.sh [--no-tests]
#
#   --no-tests   only what building and running needs; leaves out transformers, pytest and the format tools
#
# Does nothing, quickly, when everything is there. Packages are installed as root or with sudo.
# LINSCAN_TORCH_INDEX names a further wheel index for torch: PyTorch's page "Get started" gives one for the CPU and one
# for each CUDA version. Without it pip's own settings decide. A CUDA wheel needs the CUDA toolkit at build time.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PACKAGES=(
  g++ cmake ninja-build ccache pkg-config git
  libcli11-dev nlohmann-json3-dev libeigen3-dev libspdlog-dev libfmt-dev libpcre2-dev libutf8proc-dev
  libsentencepiece-dev libzstd-dev zlib1g-dev libssl-dev libgtest-dev libgmock-dev libbenchmark-dev
)

with_tests=1
for argument in "$@"; do
  case "$argument" in
    --no-tests) with_tests=0 ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown argument '$argument' (see --help)" ;;
  esac
done

if [ "$with_tests" -eq 1 ]; then PACKAGES+=(shellcheck); fi

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "these packages are missing and this is neither root nor is there sudo: ${missing[*]}"
  fi
}

# --- distro packages
command -v dpkg-query >/dev/null || die "this script knows Debian packages only; see docs for the list of dependencies"
if ! command -v python3 >/dev/null; then PACKAGES+=(python3 python3-venv); fi
if command -v python3 >/dev/null && [ ! -x "$PYTHON" ] && ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  PACKAGES+=(python3-venv)
fi
installed="$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' "${PACKAGES[@]}" 2>/dev/null |
  awk '$2 == "installed" {sub(/:.*/, "", $1); print $1}' || true)"
missing=()
for package in "${PACKAGES[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  say "installing: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# --- virtual environment
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "python3 is older than 3.10: $(python3 --version)"
if [ ! -x "$PYTHON" ]; then
  say "creating .venv"
  python3 -m venv .venv
fi

# install STAMP FILE ARGUMENT...: pip install -r FILE unless the stamp says that just this was installed.
install() {
  local stamp="$ROOT/.venv/$1" file="$2" hash
  shift 2
  hash="$(cat "$file" <(printf '%s\n' "$@") | sha256sum)"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ]; then return; fi
  say "installing $(basename "$file") into .venv"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$file" "$@"
  printf '%s\n' "$hash" >"$stamp"
}

torch_arguments=()
if [ -n "${LINSCAN_TORCH_INDEX:-}" ]; then torch_arguments=(--extra-index-url "$LINSCAN_TORCH_INDEX"); fi
# Torch first and by itself: nothing that is installed later may pull in another build of it.
install linscan-torch.stamp scripts/requirements.txt "${torch_arguments[@]}"
if compgen -G ".venv/lib/python3*/site-packages/torch/lib/libtorch_cuda.so" >/dev/null &&
  ! command -v nvcc >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
  say "warning: this torch wheel is a CUDA build and no CUDA toolkit (nvcc) was found: configuring will fail." \
    "Install the toolkit, or remove .venv and set LINSCAN_TORCH_INDEX to the index of the CPU wheels."
fi
if [ "$with_tests" -eq 1 ]; then
  install linscan-tests.stamp scripts/requirements-test.txt
fi
say "ready"
