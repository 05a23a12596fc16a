#include "linscan/model/config.h"

namespace linscan {

std::string_view name(NormKind kind) {
  return kind == NormKind::kLayerNorm ? "LayerNorm" : "RMSNorm";
}

std::string_view name(NormPlacement placement) {
  switch (placement) {
    case NormPlacement::kPre:
      return "pre";
    case NormPlacement::kPost:
      return "post";
    case NormPlacement::kSandwich:
      return "sandwich";
    case NormPlacement::kOutput:
      return "output";
  }
  return "";
}

std::string_view name(ResidualKind kind) {
  switch (kind) {
    case ResidualKind::kSerial:
      return "serial";
    case ResidualKind::kParallel:
      return "parallel";
    case ResidualKind::kParallelOneNorm:
      return "parallel, one norm";
  }
  return "";
}

std::string_view name(QkNorm norm) {
  switch (norm) {
    case QkNorm::kNone:
      return "none";
    case QkNorm::kHead:
      return "head";
    case QkNorm::kEachHead:
      return "each head";
    case QkNorm::kWhole:
      return "whole";
  }
  return "";
}

std::string_view name(Activation activation) {
  switch (activation) {
    case Activation::kGeluErf:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu (tanh)";
    case Activation::kQuickGelu:
      return "quick gelu";
    case Activation::kRelu:
      return "relu";
    case Activation::kSilu:
      return "silu";
  }
  return "";
}

std::string_view name(RopeScaling scaling) {
  switch (scaling) {
    case RopeScaling::kNone:
      return "none";
    case RopeScaling::kLinear:
      return "linear";
    case RopeScaling::kDynamic:
      return "dynamic";
    case RopeScaling::kLlama3:
      return "llama3";
    case RopeScaling::kYarn:
      return "yarn";
    case RopeScaling::kLongRope:
      return "longrope";
  }
  return "";
}

std::string_view name(BlockForm form) {
  switch (form) {
    case BlockForm::kFull:
      return "full";
    case BlockForm::kLinear:
      return "linear";
    case BlockForm::kNormedLinear:
      return "normed-linear";
    case BlockForm::kLinearAttention:
      return "linear-attention";
    case BlockForm::kNoAttention:
      return "no-attention";
  }
  return "";
}

}  // namespace linscan
