// linscan doctor: what this build and this machine can do, and what is missing.
#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>
#include <torch/cuda.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/run_main.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "linscan/base/system.h"
#include "linscan/base/version.h"

namespace linscan::tools {
namespace {

namespace fs = std::filesystem;

constexpr double kProbeSeconds = 0.1;  // per dtype and device
constexpr int64_t kProbeSize = 512;    // matmul (n, n) x (n, n) on a CPU
constexpr int64_t kCudaProbeSize = 4096;
constexpr int64_t kLittleDisk = int64_t{1} << 30;
constexpr int64_t kLittleMemory = int64_t{1} << 30;

constexpr std::string_view kDataFiles[] = {"corpus/demo-stories.jsonl.gz",
                                           "demo-model/config.json",
                                           "demo-model/model.safetensors",
                                           "demo-model/tokenizer.json"};

// Something that is wrong, with what to do about it in the same line.
using Problems = std::vector<std::string>;

struct Options {
  std::string format = "table";
};

// The word behind `key` in what libtorch says about itself: "... MKL-DNN v3.12.0 (Git ..." ->
// "3.12.0" for the key "MKL-DNN v". Empty when the key is not there.
std::string word_after(const std::string& text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string::npos) {
    return "";
  }
  const size_t begin = at + key.size();
  return text.substr(begin, text.find_first_of("- )\n", begin) - begin);
}

// "BLAS_INFO=mkl, " in the build settings -> "mkl".
std::string build_setting(const std::string& config, std::string_view key) {
  const size_t at = config.find(fmt::format("{}=", key));
  if (at == std::string::npos) {
    return "";
  }
  const size_t begin = at + key.size() + 1;
  return config.substr(begin, config.find_first_of(",\n", begin) - begin);
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json software_json() {
  const std::string config = at::show_config();
  return {{"linscan", version()},
          {"commit", commit()},
          {"torch", torch_version()},
          {"blas", text_or_null(build_setting(config, "BLAS_INFO"))},
          {"lapack", text_or_null(build_setting(config, "LAPACK_INFO"))},
          {"mkl", text_or_null(word_after(config, "Math Kernel Library Version "))},
          {"onednn", text_or_null(word_after(config, "MKL-DNN v"))},
          {"openmp", text_or_null(word_after(config, "a.k.a. OpenMP "))},
          {"cpu_capability", at::get_cpu_capability()},
          {"parallel_backend",
           text_or_null(word_after(at::get_parallel_info(), "parallel backend: "))}};
}

Json environment_variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? Json(nullptr) : Json(value);
}

Json machine_json() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  const int64_t page_bytes = sysconf(_SC_PAGESIZE);
  return {{"cores", std::thread::hardware_concurrency()},
          {"threads", threads()},
          {"omp_num_threads", environment_variable("OMP_NUM_THREADS")},
          {"mkl_num_threads", environment_variable("MKL_NUM_THREADS")},
          {"memory_bytes", pages > 0 ? Json(pages * page_bytes) : Json(nullptr)},
          {"available_memory_bytes", available_memory_bytes()}};
}

// Best rate of a square matmul in the time of one probe, in operations per second.
double matmul_rate(at::ScalarType type, at::Device device) {
  using Clock = std::chrono::steady_clock;
  const int64_t n = device.is_cuda() ? kCudaProbeSize : kProbeSize;
  const at::Tensor a = at::rand({n, n}, at::device(device)).to(type);
  const auto wait = [&] {
    if (device.is_cuda()) {
      torch::cuda::synchronize(device.index());
    }
  };
  at::mm(a, a);  // the first call sets the library up
  wait();
  double best = 0;
  const auto begin = Clock::now();
  do {
    const auto start = Clock::now();
    at::mm(a, a);
    wait();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 2.0 * static_cast<double>(n * n * n) / seconds);
  } while (std::chrono::duration<double>(Clock::now() - begin).count() < kProbeSeconds);
  return best;
}

Json device_json(at::Device device) {
  Json json = {{"device", device.str()}};
  if (device.is_cuda()) {
    const auto [free, total] = at::accelerator::getMemoryInfo(device.index());
    json["memory_bytes"] = total;
    json["available_memory_bytes"] = free;
  }
  json["matmul_gflops"] = {{"fp32", matmul_rate(at::kFloat, device) / 1e9},
                           {"bf16", matmul_rate(at::kBFloat16, device) / 1e9},
                           {"fp64", matmul_rate(at::kDouble, device) / 1e9}};
  json["auto_dtype_of_16_bit_checkpoints"] = dtype_name(choose_compute_dtype("auto", true, device));
  return json;
}

Json devices_json() {
  Json devices = Json::array({device_json(at::Device(at::kCPU))});
  const int64_t count = at::hasCUDA() ? static_cast<int64_t>(torch::cuda::device_count()) : 0;
  for (int64_t index = 0; index < count; ++index) {
    devices.push_back(device_json(at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index))));
  }
  return devices;
}

Json data_json(Problems& problems) {
  Json files = Json::array();
  bool all = true;
  for (const std::string_view name : kDataFiles) {
    std::error_code ec;
    const bool found = fs::is_regular_file(data_file(name), ec);
    files.push_back({{"name", name}, {"found", found}});
    all = all && found;
  }
  const std::string folder = data_file("").lexically_normal().string();
  if (!all) {
    problems.push_back(
        fmt::format("bundled files are missing in {}; install linscan again, or give --data and a "
                    "model of your own",
                    folder));
  }
  return {{"folder", folder}, {"files", files}};
}

// Whether a file of a few bytes can be made, written and removed in `folder`.
bool can_write(const fs::path& folder) {
  std::string name = (folder / "linscan-doctor-XXXXXX").string();
  const int fd = mkstemp(name.data());
  if (fd < 0) {
    return false;
  }
  constexpr std::string_view kContent = "linscan";
  const bool written =
      write(fd, kContent.data(), kContent.size()) == static_cast<ssize_t>(kContent.size());
  close(fd);
  return unlink(name.c_str()) == 0 && written;
}

Json temporary_json(Problems& problems) {
  std::error_code ec;
  const fs::path folder = fs::temp_directory_path(ec);
  if (ec) {
    problems.push_back(
        "there is no folder for temporary files; set TMPDIR to one that can be written");
    return {{"folder", nullptr}, {"writable", false}, {"free_bytes", nullptr}};
  }
  const bool writable = can_write(folder);
  const fs::space_info space = fs::space(folder, ec);
  if (!writable) {
    problems.push_back(
        fmt::format("{} cannot be written; set TMPDIR to a folder that can", folder.string()));
  } else if (!ec && static_cast<int64_t>(space.available) < kLittleDisk) {
    problems.push_back(
        fmt::format("only {} are free in {}; set TMPDIR to a folder with more before large runs",
                    format_bytes(static_cast<int64_t>(space.available)),
                    folder.string()));
  }
  return {{"folder", folder.string()},
          {"writable", writable},
          {"free_bytes", ec ? Json(nullptr) : Json(space.available)}};
}

void check_machine(const Json& machine, Problems& problems) {
  if (machine["available_memory_bytes"].get<int64_t>() < kLittleMemory) {
    problems.push_back(
        fmt::format("only {} of memory are available; close other programs or use smaller models",
                    format_bytes(machine["available_memory_bytes"].get<int64_t>())));
  }
  if (machine["cores"].get<int>() > 0 &&
      machine["threads"].get<int>() > machine["cores"].get<int>()) {
    problems.push_back(
        fmt::format("{} threads share {} cores; unset OMP_NUM_THREADS or give --threads {}",
                    machine["threads"].get<int>(),
                    machine["cores"].get<int>(),
                    machine["cores"].get<int>()));
  }
}

Json diagnose() {
  Problems problems;
  Json json = {{"schema", "linscan.doctor/1"},
               {"ok", true},
               {"software", software_json()},
               {"machine", machine_json()}};
  check_machine(json["machine"], problems);
  json["devices"] = devices_json();
  json["data"] = data_json(problems);
  json["temporary"] = temporary_json(problems);
  json["problems"] = problems;
  json["ok"] = problems.empty();
  return json;
}

std::string text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : "none";
}

std::string size_text(const Json& value) {
  return value.is_null() ? "unknown" : format_bytes(value.get<int64_t>());
}

std::string row(std::string_view label, std::string_view content) {
  return fmt::format("  {:<14}{}\n", label, content);
}

std::string render_devices(const Json& devices) {
  std::string out;
  for (const Json& device : devices) {
    const Json& rate = device["matmul_gflops"];
    const std::string name = text(device["device"]);
    if (device.contains("memory_bytes")) {
      out += row(name,
                 fmt::format("{}, {} available",
                             size_text(device["memory_bytes"]),
                             size_text(device["available_memory_bytes"])));
    }
    out += row(name,
               fmt::format("matmul {:.0f} Gflop/s fp32, {:.0f} bf16, {:.0f} fp64",
                           rate["fp32"].get<double>(),
                           rate["bf16"].get<double>(),
                           rate["fp64"].get<double>()));
    out += row("",
               fmt::format("--dtype auto: fp32 for 32-bit checkpoints, {} for 16-bit ones",
                           text(device["auto_dtype_of_16_bit_checkpoints"])));
  }
  if (devices.size() == 1) {
    out += row("cuda", "no device");
  }
  return out;
}

std::string render(const Json& json) {
  const Json& software = json["software"];
  const Json& machine = json["machine"];
  std::string out;
  out +=
      row("linscan", fmt::format("{} ({})", text(software["linscan"]), text(software["commit"])));
  out += row("libtorch",
             fmt::format("{}, BLAS {}, LAPACK {}, CPU code {}",
                         text(software["torch"]),
                         text(software["blas"]),
                         text(software["lapack"]),
                         text(software["cpu_capability"])));
  out += row("libraries",
             fmt::format("MKL {}, oneDNN {}, OpenMP {}, threads from {}",
                         text(software["mkl"]),
                         text(software["onednn"]),
                         text(software["openmp"]),
                         text(software["parallel_backend"])));
  out += row(
      "cores",
      fmt::format("{}, threads {}", machine["cores"].get<int>(), machine["threads"].get<int>()));
  out += row("memory",
             fmt::format("{}, {} available",
                         size_text(machine["memory_bytes"]),
                         size_text(machine["available_memory_bytes"])));
  out += render_devices(json["devices"]);
  out += row("data", text(json["data"]["folder"]));
  for (const Json& file : json["data"]["files"]) {
    out += row(
        "",
        fmt::format("{}: {}", text(file["name"]), file["found"].get<bool>() ? "found" : "missing"));
  }
  const Json& temporary = json["temporary"];
  out += row("temporary",
             fmt::format("{}, {}, {} free",
                         text(temporary["folder"]),
                         temporary["writable"].get<bool>() ? "writable" : "not writable",
                         size_text(temporary["free_bytes"])));
  out += json["ok"].get<bool>() ? row("verdict", "all is well") : "";
  for (const Json& problem : json["problems"]) {
    out += row("problem", text(problem));
  }
  return out;
}

void run(const Options& options) {
  const Json json = diagnose();
  if (options.format == "json") {
    std::cout << json.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
  } else {
    std::cout << render(json);
  }
  std::cout.flush();
  if (!json["ok"].get<bool>()) {
    const auto problems = json["problems"].get<Problems>();
    fail(ErrorKind::kGate, "{}", fmt::join(problems, "; also: "));
  }
}

}  // namespace
}  // namespace linscan::tools

int main(int argc, char** argv) {
  using namespace linscan::tools;
  ToolApp tool(
      "linscan-doctor",
      "What this build and this machine can do, and what is missing. Takes about a second.\n"
      "Exit code 0: all is well. 1: something is missing; the output says what to do.",
      "linscan doctor --format json");
  Options options;
  tool.cli()
      .add_option("--format", options.format, "What standard output shows")
      ->check(CLI::IsMember({"table", "json"}))
      ->group("Output");
  return tool.run(argc, argv, [&] { run(options); });
}
