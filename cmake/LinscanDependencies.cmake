# Third-party packages, all from Debian, and libtorch from the torch wheel. Torch comes last: its config changes global flags.
include_guard(GLOBAL)

find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)

# Without an explicit Torch_DIR or CMAKE_PREFIX_PATH the wheel of the project's own virtual environment is used.
if(LINSCAN_WITH_TORCH)
  if(NOT DEFINED Torch_DIR)
    file(GLOB _linscan_torch "${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages/torch/share/cmake/Torch")
    if(_linscan_torch)
      list(GET _linscan_torch 0 Torch_DIR)
    endif()
  endif()
  find_package(Torch REQUIRED)
  # Installed tools find libtorch where it was found now; a copy of it in lib/ beside them comes first.
  set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib;${TORCH_INSTALL_PREFIX}/lib")
endif()
