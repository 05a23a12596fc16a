// Whether teacher and student fit each other, and how.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "linscan/model/model.h"
#include "linscan/model/model_writer.h"
#include "linscan/text/tokenizer.h"
#include "linscan/train/distillation_job.h"

namespace linscan {

// Vocabularies, positions, and that the history is the student's. Throws Error(kInput).
void check_pair(const DistillOptions& options, const Model& teacher, const Model& student);

// The student's tokenizer, where there is text to be read. Throws Error(kInput) where the teacher's
// cuts it otherwise.
std::optional<Tokenizer> shared_tokenizer(const DistillOptions& options, const Model& student);

// DistillationOptions::aligned. Throws Error(kInput) where the states cannot be compared.
std::vector<int64_t> align_states(const DistillOptions& options,
                                  const Model& teacher,
                                  const Model& student,
                                  const std::string& teacher_sha256);

// The form that a folder of linscan, or of anybody, has already.
ExportForm own_form(const Model& model);

}  // namespace linscan
