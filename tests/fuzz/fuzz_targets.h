// The functions of all targets, as libFuzzer wants them, with their seeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace linscan::fuzz {

int fuzz_safetensors(const uint8_t* data, size_t size);         // a whole file
int fuzz_safetensors_header(const uint8_t* data, size_t size);  // the JSON, put into a file
int fuzz_index(const uint8_t* data, size_t size);               // model.safetensors.index.json
int fuzz_torch_file(const uint8_t* data, size_t size);          // pytorch_model.bin
int fuzz_pickle(const uint8_t* data, size_t size);              // data.pkl, put into a file
int fuzz_config(const uint8_t* data, size_t size);              // config.json
int fuzz_tokenizer(const uint8_t* data, size_t size);           // tokenizer.json

std::vector<std::string> seeds_safetensors();
std::vector<std::string> seeds_safetensors_header();
std::vector<std::string> seeds_index();
std::vector<std::string> seeds_torch_file();
std::vector<std::string> seeds_pickle();
std::vector<std::string> seeds_config();
std::vector<std::string> seeds_tokenizer();

}  // namespace linscan::fuzz
